"""Makes the texts and drawings of the pages from a report. Pure: the same report gives the same pages."""

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from admin_service.analytics.charts.stacked_bars import Series, StackedBars, largest_and_others
from admin_service.analytics.charts.svg import Size, color_of, draw_stacked_bars
from admin_service.analytics.language import Language
from admin_service.analytics.reports import figures
from admin_service.analytics.reports.attachments import DATA_FILE, csv_files
from admin_service.analytics.reports.glyphs import shown
from admin_service.analytics.reports.report import Interval, Paper, Report, Row, content_hash
from admin_service.analytics.reports.wording import WORDINGS, Wording

TOP: Final = 20
GROUP_ROWS: Final = 40
MODEL_ROWS: Final = 10
CHART_SERIES: Final = 8
_DAYS_AS_BARS: Final = 92
_LABELS: Final = 10
_LABEL_STEPS: Final = (1, 2, 5, 7, 10, 14, 21, 28, 42)
_NAMES_OF_SCOPE: Final = 8
_LONGEST_NAME: Final = 56
_LONGEST_TITLE: Final = 120
_UNBROKEN: Final = 12
_BREAK: Final = "\u200b"
_SEPARATOR: Final = " \u203a "
_FONTS: Final = "Inter, Noto Sans CJK SC"
_CHART_WIDTH: Final = {Paper.A4: 490.0, Paper.LETTER: 507.0}
_CHART_HEIGHT: Final = {Paper.A4: 172.0, Paper.LETTER: 126.0}

Texts = Mapping[str, Any]


def page_texts(report: Report) -> Texts:
    """Returns everything that the template shows."""
    words = WORDINGS[report.language]
    zone = ZoneInfo(report.time_zone)
    digest = content_hash(report.canonical())
    period = figures.period(report.start.astimezone(zone), report.end.astimezone(zone), report.language)
    before = figures.period(report.previous_start.astimezone(zone), report.start.astimezone(zone), report.language)
    return {
        "language": str(report.language),
        "region": words.region,
        "paper": str(report.paper),
        "title": words.title,
        "organization": _name(report.organization_name, report.organization, _LONGEST_TITLE),
        "organization_short": _name(report.organization_name, report.organization),
        "period": period,
        "compared_with": f"{words.compared_with} {before}",
        "zone": report.time_zone,
        "scope": _scope(report, words),
        "banner": "" if report.complete else words.incomplete_banner,
        "cards": _cards(report, words),
        "chart": _chart(report, words),
        "models": _models(report, words),
        "members": _members(report, words),
        "groups": _groups(report, words),
        "budgets": _budgets(report, words, zone),
        "unusual": _unusual(report, words),
        "about": {"title": words.about, "facts": _facts(report, words, (period, before, digest))},
        "footer": f"{words.position} {figures.count(report.ledger_position)} \u00b7 SHA-256 {digest[:16]}\u2026",
        "page": words.page,
        "no_calls": words.no_calls,
    }


def _name(name: str, otherwise: str, longest: int = _LONGEST_NAME) -> str:
    """Returns a name that fits: shortened to a number of columns, and with places to break it where it has none."""
    text = _shortened(shown(name) or shown(otherwise), longest)
    broken, run = [], 0
    for char in text:
        run = 0 if char.isspace() or char in "-/" else run + 1
        # Between letters only: a break within an emoji would divide it.
        if run > _UNBROKEN and char.isalnum() and char.isascii():
            broken.append(_BREAK)
        broken.append(char)
    return "".join(broken)


def _shortened(text: str, longest: int) -> str:
    """Cuts a text that takes more columns. Wide characters take two."""
    columns = 0
    for at, char in enumerate(text):
        columns += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if columns > longest:
            return text[:at].rstrip() + "\u2026"
    return text


def _scope(report: Report, words: Wording) -> list[str]:
    found = []
    for name in report.scope.names:
        kind, _, text = name.partition(":")
        found.append(f"{words.kinds[kind]}: {_name(text, '')}")
    shortened = (
        [*found[:_NAMES_OF_SCOPE], f"+{len(found) - _NAMES_OF_SCOPE}"] if len(found) > _NAMES_OF_SCOPE else found
    )
    return shortened or [words.whole_organization]


def _cards(report: Report, words: Wording) -> list[dict[str, str]]:
    now, before = report.total, report.before

    def card(label: str, value: int, value_before: int, text: str, text_before: str) -> dict[str, str]:
        return {
            "label": label,
            "value": text,
            "change": figures.change(value, value_before, words.new),
            "before": words.before.format(value=text_before),
        }

    def counted(label: str, value: int, value_before: int) -> dict[str, str]:
        language = report.language
        return card(
            label,
            value,
            value_before,
            figures.short_count(value, language),
            figures.short_count(value_before, language),
        )

    def average(label: str, parts: tuple[int, int], places: int) -> dict[str, str]:
        mean, mean_before = _mean(now.charge, parts[0]), _mean(before.charge, parts[1])
        text, text_before = (
            figures.money(one, places) if count else figures.NOTHING
            for one, count in zip((mean, mean_before), parts, strict=True)
        )
        return card(label, mean, mean_before, text, text_before)

    return [
        card(words.spend, now.charge, before.charge, figures.money(now.charge), figures.money(before.charge)),
        counted(words.calls, now.call_count, before.call_count),
        counted(words.tokens, now.tokens, before.tokens),
        counted(words.active_members, report.active_members, report.active_members_before),
        average(words.per_member, (report.active_members, report.active_members_before), 2),
        average(words.per_call, (now.call_count, before.call_count), 4),
    ]


def _mean(amount: int, parts: int) -> int:
    return (2 * amount + parts) // (2 * parts) if parts > 0 else 0


def chart_of(report: Report) -> tuple[StackedBars, tuple[str, ...]]:
    """Returns the chart of spend by model, and the label of each bar."""
    words, language = WORDINGS[report.language], report.language
    values = [[0] * len(report.bucket_starts) for _ in report.models]
    for point in report.points:
        values[point.model][point.bucket] = point.charge
    bars: Sequence[Sequence[int]] = [[at] for at in range(len(report.bucket_starts))]
    if len(report.bucket_starts) > _DAYS_AS_BARS:
        weeks = groupby(range(len(report.bucket_starts)), key=lambda at: report.bucket_starts[at].isocalendar()[:2])
        bars = [list(days) for _, days in weeks]
    series = [
        Series(
            _name(row.ids[0] if row.ids else "", words.others_models),
            tuple(sum(values[model][at] for at in bar) for bar in bars),
        )
        for model, row in enumerate(report.models)
    ]
    # What was used only in the period before has no bar.
    series = [one for one in series if one.total]
    labels = tuple(figures.bucket(report.bucket_starts[bar[0]], report.interval, language) for bar in bars)
    step = next((step for step in _LABEL_STEPS if len(bars) <= step * _LABELS), _LABEL_STEPS[-1])
    spaced = tuple(label if at % step == 0 else "" for at, label in enumerate(labels))
    return StackedBars(spaced, largest_and_others(series, CHART_SERIES, words.others_models)), labels


def _chart(report: Report, words: Wording) -> dict[str, Any]:
    chart, labels = chart_of(report)
    title = words.by_hour if report.interval is Interval.HOUR else words.by_day
    if len(report.bucket_starts) > _DAYS_AS_BARS:
        title = words.by_week
    others = words.others_models
    colors = [color_of(index, is_others=series.name == others) for index, series in enumerate(chart.series)]
    size = Size(_CHART_WIDTH[report.paper], _CHART_HEIGHT[report.paper])
    legend = [
        {"color": color, "name": series.name, "value": figures.money(series.total)}
        for series, color in zip(chart.series, colors, strict=True)
    ]
    return {
        "title": title,
        "svg": draw_stacked_bars(chart, colors, size, _FONTS, figures.axis_money) if chart.highest else "",
        "text": _chart_text(chart, labels, title, words),
        "legend": legend,
    }


def _chart_text(chart: StackedBars, labels: Sequence[str], title: str, words: Wording) -> str:
    """Returns what the chart shows, for readers who do not see it."""
    if chart.highest == 0:
        return words.chart_without_calls.format(title=title)
    sums = [sum(series.values[at] for series in chart.series) for at in range(len(labels))]
    models = "; ".join(f"{series.name}: {figures.money(series.total)}" for series in chart.series)
    return words.chart_text.format(
        title=title,
        bars=len(labels),
        highest=figures.money(max(sums)),
        at=labels[sums.index(max(sums))],
        total=figures.money(sum(sums)),
        models=models,
    )


def _measures(report: Report, row: Row, words: Wording) -> dict[str, Any]:
    whole = max(report.total.charge, 0)
    part = min(max(row.usage.charge, 0), whole)
    return {
        "calls": figures.count(row.usage.call_count),
        "tokens": figures.short_count(row.usage.tokens, report.language),
        "spend": figures.money(row.usage.charge),
        "share": figures.share(row.usage.charge, whole),
        # A length, not a figure: the bar in the table.
        "fill": part / whole if whole else 0.0,
        "change": figures.change(row.usage.charge, row.before.charge, words.new),
    }


def _heads(words: Wording, first: str) -> list[str]:
    return [first, words.calls, words.tokens, words.spend, words.share, words.change]


def _table(title: str, lead: str, heads: list[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "lead": lead, "heads": heads, "rows": rows}


def _cut(rows: Sequence[Row], most: int) -> tuple[list[Row], Row | None]:
    """Returns the first rows, and one row with the sum of all others, if there are any."""
    named, rest = [row for row in rows if row.ids], [row for row in rows if not row.ids]
    rest = [*named[most:], *rest]
    if not rest:
        return named, None
    return named[:most], Row((), "", (), _sum([row.usage for row in rest]), _sum([row.before for row in rest]))


def _sum(usages: Sequence[Any]) -> Any:  # noqa: ANN401 - of one class
    kind = type(usages[0])
    return kind(*(sum(getattr(usage, name) for usage in usages) for name in kind.__dataclass_fields__))


def _models(report: Report, words: Wording) -> dict[str, Any]:
    rows, rest = _cut(report.models, MODEL_ROWS)
    found = [{"name": _name(row.ids[0], ""), "level": 0, **_measures(report, row, words)} for row in rows]
    if rest:
        found.append({"name": words.others_models, "level": 0, "is_rest": True, **_measures(report, rest, words)})
    lead = words.models_lead.format(shown=len(rows), count=figures.count(report.model_count)) if found else ""
    return _table(words.models, lead, _heads(words, words.model), found)


def _members(report: Report, words: Wording) -> dict[str, Any]:
    rows, rest = _cut(report.members, TOP)
    found: list[dict[str, Any]] = [
        {
            "rank": str(rank),
            "name": _name(row.name, row.ids[0]),
            "note": _SEPARATOR.join(_name(name, "", 26) for name in row.path) or words.outside_groups,
            "mark": words.deleted if row.is_deleted else "",
            **_measures(report, row, words),
        }
        for rank, row in enumerate(rows, 1)
    ]
    if rest:
        found.append({"name": words.others_members, "is_rest": True, **_measures(report, rest, words)})
    lead = words.members_lead.format(shown=len(rows), count=figures.count(report.member_count)) if found else ""
    return _table(words.members, lead, _heads(words, words.member), found)


def _groups(report: Report, words: Wording) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for row in report.groups[:GROUP_ROWS]:
        level = max(0, len(row.ids) - 1)
        if not row.ids:
            name = words.others_groups
        elif not row.ids[-1]:
            name = words.directly if level else words.outside_groups
        else:
            name = _name(row.name, row.ids[-1])
        mark = words.deleted if row.is_deleted else ""
        found.append({"name": name, "level": level, "mark": mark, **_measures(report, row, words)})
    return _table(words.groups, words.groups_lead if found else "", _heads(words, words.group), found)


def _budgets(report: Report, words: Wording, zone: ZoneInfo) -> dict[str, Any] | None:
    if not report.budgets and report.balance is None:
        return None
    rows = [
        {
            "name": _name(budget.name, report.organization_name if budget.kind == "organization" else budget.id),
            "cycle": words.cycles[budget.cycle],
            "spent": figures.money(budget.spent),
            "limit": figures.money(budget.limit),
            "used": figures.share(budget.spent, budget.limit),
            "fill": min(1.0, max(0, budget.spent) / budget.limit) if budget.limit > 0 else 1.0,
            "is_over": budget.spent >= budget.limit,
        }
        for budget in report.budgets
    ]
    moment = figures.minute(report.read_time.astimezone(zone), report.language)
    return {
        "title": words.budgets,
        "lead": words.budgets_note.format(time=moment) if rows else "",
        "heads": [words.budget, words.cycle, words.spent, words.limit, words.used],
        "rows": rows,
        "pool": None if report.balance is None else [words.credit_pool, figures.money(report.balance)],
    }


def _unusual(report: Report, words: Wording) -> dict[str, Any] | None:
    if not report.unusual:
        return None
    rows = [
        {
            "day": figures.days(one.day, one.last_day, report.language),
            "name": _name(one.name, words.kinds[one.kind]),
            "note": words.kinds[one.kind],
            "actual": figures.money(one.actual),
            "expected": figures.money(one.expected),
            "usual": figures.money(one.highest_usual),
        }
        for one in report.unusual[:TOP]
    ]
    heads = [words.day, words.name, words.actual, words.expected, words.usual]
    return {"title": words.unusual, "lead": words.unusual_note, "heads": heads, "rows": rows}


def _facts(report: Report, words: Wording, texts: tuple[str, str, str]) -> list[list[str]]:
    total, zone = report.total, ZoneInfo(report.time_zone)
    period, before, digest = texts
    read = report.read_time.astimezone(zone)
    files = ", ".join([DATA_FILE, *csv_files(report)])
    return [
        [words.period, f"{period} ({report.time_zone})"],
        [words.compared_with, before],
        [words.scope, "; ".join(_scope(report, words))],
        [words.state, words.complete if report.complete else words.incomplete],
        [words.failed_calls, figures.count(total.failed_call_count)],
        [
            words.corrections,
            words.corrections_value.format(
                count=figures.count(total.correction_count), amount=figures.money(total.correction)
            ),
        ],
        [words.position, f"{figures.count(report.ledger_position)} ({words.read} {_second(read, report.language)})"],
        [words.content_hash, digest],
        [words.attached, files],
        [words.amounts, words.amounts_value],
        [words.verify, words.verify_value.replace("`", "")],
    ]


def _second(moment: dt.datetime, language: Language) -> str:
    return f"{figures.minute(moment, language)}:{moment:%S} {moment:%z}"
