"""The averages of usage, and the options that narrow usage."""

from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    GetUsageSummaryRequest,
    ListMembersRequest,
    ListMembersResponse,
    Member,
    ModelUse,
    Organization,
    UsageAverages,
    UsageMeasures,
    UsageSummary,
)
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage.filters import usage_filter
from megarouter_admin.command_line.resources.usage.summary import summary
from megarouter_admin.command_line.session import Session

from tests.unit.sdk.command_line.test_usage import CREDIT, NOW


class Service:
    """Answers with a summary, and knows one member by address."""

    def __init__(self) -> None:
        self.asked: list[GetUsageSummaryRequest] = []

    def GetUsageSummary(self, request: GetUsageSummaryRequest) -> UsageSummary:  # noqa: N802 - as the API
        self.asked.append(request)
        return UsageSummary(
            time_range=request.time_range,
            total=UsageMeasures(call_count=300, charge_nano_credits=12 * CREDIT),
            previous_total=UsageMeasures(call_count=200, charge_nano_credits=6 * CREDIT),
            averages=UsageAverages(
                active_member_count=4, token_count_per_member=1_500, charge_nano_credits_per_member=3 * CREDIT,
                charge_nano_credits_per_call=40_000_000,
            ),
            previous_averages=UsageAverages(active_member_count=5, token_count_per_member=1_000),
            models=[
                ModelUse(
                    model="models/acme/large", total=UsageMeasures(call_count=100, charge_nano_credits=9 * CREDIT),
                    member_count=3, call_share_basis_points=3_333, charge_share_basis_points=7_500,
                    member_share_basis_points=7_500,
                ),
                ModelUse(is_other=True, total=UsageMeasures(call_count=200, charge_nano_credits=3 * CREDIT)),
            ],
            model_count=7,
            time_zone="Europe/Berlin",
            complete=True,
        )  # fmt: skip

    def ListMembers(self, _request: ListMembersRequest) -> ListMembersResponse:  # noqa: N802 - as the API
        return ListMembersResponse(members=[Member(name="organizations/acme/members/emma")])


def opened(service: Service) -> Session:
    router: Any = SimpleNamespace(
        analytics=service,
        members=service,
        organizations=SimpleNamespace(GetOrganization=lambda _: Organization(time_zone="Europe/Berlin")),
    )
    return Session(router, "acme", Output(json=False), NOW)


def test_averages_and_shares_are_shown_with_their_change(capsys: pytest.CaptureFixture[str]) -> None:
    service = Service()
    summary(opened(service), since="2026-11-01", until="2026-11-08", group="groups/eng")
    printed = capsys.readouterr()
    lines = [" ".join(line.split()) for line in printed.out.splitlines()]
    assert lines == [
        "period 2026-11-01 00:00 to 2026-11-08 00:00, Europe/Berlin",
        "calls 300 (+50%)",
        "credits 12.00 (+100%)",
        "members with calls 4 (-20%)",
        "tokens a member 1,500 (+50%)",
        "credits a member 3.00",
        "credits a call 0.04",
        "complete yes",
        "",
        "model calls of calls credits of spend members of members",
        "acme/large 100 33.3% 9.00 75.0% 3 75.0%",
        "all others 200 0.0% 3.00 0.0% 0 0.0%",
    ]
    assert "2 of 7 models in use" in printed.err
    assert list(service.asked[0].usage_filter.groups) == ["organizations/acme/groups/eng"]


def test_options_become_the_filter_of_the_api() -> None:
    kept = usage_filter(
        opened(Service()), member="emma@acme.example", key="notebook", group="eng", model="gpt-4o", tag=["env=test"]
    )
    assert list(kept.members) == ["organizations/acme/members/emma"]
    assert list(kept.api_keys) == ["organizations/acme/apiKeys/notebook"]
    assert list(kept.groups) == ["organizations/acme/groups/eng"]
    assert (list(kept.models), list(kept.tags)) == (["models/gpt-4o"], ["env=test"])
    account = usage_filter(opened(Service()), member="sa-build", model="models/gpt-4o")
    assert (list(account.members), list(account.models)) == (
        ["organizations/acme/serviceAccounts/sa-build"],
        ["models/gpt-4o"],
    )
