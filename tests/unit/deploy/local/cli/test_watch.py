from rich.console import Console

from deploy.local.cli.watch import Sample, Window, live_page, of_worker, quantile_of, read_figures


def window(*pages: dict[str, str]) -> Window:
    """Returns a window of samples that are one second apart."""
    built = Window()
    for second, page in enumerate(pages):
        built.add(Sample(float(second), {service: read_figures(text) for service, text in page.items()}))
    return built


def decisions(allowed: int, denied: int) -> dict[str, str]:
    name = "megarouter_authz_decisions_total"
    label = "megarouter_authz_decision"
    return {"authz": f'{name}{{{label}="allowed"}} {allowed}\n{name}{{{label}="denied"}} {denied}\n'}


NAME = "megarouter_authz_decisions_total"


def test_a_rate_is_the_increase_of_counters_per_second() -> None:
    seen = window(decisions(10, 0), decisions(20, 5), decisions(30, 5))
    assert seen.rate("authz", NAME) == 12.5
    assert seen.rate("authz", NAME, megarouter_authz_decision="allowed") == 10


def test_a_restarted_counter_counts_from_zero() -> None:
    assert window(decisions(1000, 0), decisions(7, 0)).rate("authz", NAME) == 7


def test_workers_are_added_and_a_restarted_one_counts_from_zero() -> None:
    """Seen to fail with the sums of all workers: all counts of the other worker appeared as new."""
    seen = Window()
    for second, counts in enumerate([(1_000, 50), (1_010, 2)]):
        pages = [read_figures(decisions(count, 0)["authz"]) for count in counts]
        figures = {key: value for worker, page in enumerate(pages) for key, value in of_worker(page, worker).items()}
        seen.add(Sample(float(second), {"authz": figures}))
    assert seen.rate("authz", NAME) == 10 + 2
    assert seen.latest("authz", NAME) == 1_012
    assert seen.lowest("authz", NAME, megarouter_authz_decision="allowed") == 2
    assert seen.lowest("authz", "something_else") is None


def test_one_sample_or_an_unresponsive_service_has_no_rate() -> None:
    assert window(decisions(1, 1)).rate("authz", NAME) is None
    assert window(decisions(1, 1), decisions(2, 2), {}).rate("authz", NAME) is None
    assert window(decisions(1, 1), {}).latest("authz", NAME) is None


def test_only_the_last_samples_count() -> None:
    seen = window(decisions(0, 0), *(decisions(100, 0) for _ in range(6)))
    assert seen.rate("authz", NAME) == 0


def test_a_figure_is_the_sum_over_its_series() -> None:
    assert window(decisions(3, 4)).latest("authz", NAME) == 7
    assert window(decisions(3, 4)).latest("authz", NAME, megarouter_authz_decision="denied") == 4


def test_a_quantile_is_the_upper_bound_of_its_bucket() -> None:
    buckets = [(0.001, 50.0), (0.01, 98.0), (float("inf"), 100.0)]
    assert quantile_of(buckets, 0.5) == 0.001
    assert quantile_of(buckets, 0.51) == 0.01
    assert quantile_of(buckets, 0.99) == float("inf")
    assert quantile_of([(1.0, 0.0)], 0.5) is None


def test_a_quantile_covers_the_time_since_the_first_sample() -> None:
    def histogram(fast: int, slow: int) -> dict[str, str]:
        name = "megarouter_authz_duration_seconds_bucket"
        return {"authz": f'{name}{{le="0.001"}} {fast}\n{name}{{le="+Inf"}} {fast + slow}\n'}

    seen = window(histogram(1000, 0), histogram(1001, 9))
    assert seen.quantile("authz", "megarouter_authz_duration_seconds", 0.5) == float("inf")


def test_the_page_shows_dashes_for_unknown_figures_and_aligns_columns() -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(live_page(Window()))
    lines = capture.get().splitlines()
    assert "decided" in lines[1]
    assert lines[1].rstrip().endswith("-")
    processes = [line for line in lines if "_service" in line]
    assert len(processes) == 5
    assert len({line.rstrip().rindex("-") for line in processes}) == 1
