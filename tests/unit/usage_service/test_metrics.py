"""What the metrics of settlement say about a batch."""

from tests.contract.usage_service.settlement_cases import make_hold, make_report
from usage_service.metrics import first_arrivals
from usage_service.settlement.entries import Entry, Origin

REPORT = make_report(make_hold())


def test_the_lag_is_that_of_the_call_that_waited_longest_of_any_organization() -> None:
    """Seen to fail when the first entry counted, as that may be of an organization whose calls came later."""
    arrivals = ((Origin.STREAM, 7.0), (Origin.STREAM, 8.0), (Origin.STREAM, 5.0), (Origin.JOURNAL, 6.0))
    batch = [Entry(REPORT, origin, arrival_s=arrival_s) for origin, arrival_s in arrivals]
    assert first_arrivals(batch) == {Origin.STREAM: 5.0, Origin.JOURNAL: 6.0}
