"""Reports without a database: of a month, a day, a year, without calls, and with names that are hard to show."""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from zoneinfo import ZoneInfo

from admin_service.analytics.language import Language
from admin_service.analytics.reports.report import (
    Budget,
    Interval,
    Paper,
    Point,
    Report,
    Row,
    Scope,
    UnusualSpend,
    Usage,
)

CREDIT = 10**9
ZONE = ZoneInfo("Europe/Berlin")
MODELS = ("gpt-5.2", "claude-opus-4-6", "gemini-3-pro", "gpt-5-mini", "claude-haiku-4-5", "deepseek-v4", "mistral-large-3",
          "qwen-4-max", "llama-5-70b", "o5", "accounts/fireworks/models/" + "very-long-model-name-" * 6)  # fmt: skip
NAMES = (
    "Ada Lovelace",
    "Grace Hopper",
    "Alan Turing",
    "Katherine Johnson",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Build service",
)
HARD_NAMES = (
    "李小龙", "王伟 (Wei Wang)", "محمد بن سلمان", "דוד כהן", "Łukasz Żółć-Ćwikła", "Nguyễn Thị Hương", "👩🏽‍🔬 🚀🔥 Team",
    "x" * 255, "研究部门" * 60, "山田太郎", "김철수", "Ştefan Öztürk", "สมชาย ใจดี", "अमित शर्मा", "Иван Петров", "Ελένη",
    "a\u202eevil\u202c", "🇩🇪 ❤️ ☃", "=HYPERLINK(1)", '#strong[x] $a^2$ _u_ *b* `c` <d> @e \\n #include "x"',
    "\U000e0041\ue000\U0001fae9𒀀", "a\r\nb\tc", "",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """The length of a report's period."""

    start: dt.datetime
    bucket_count: int
    interval: Interval = Interval.DAY

    @property
    def bucket_starts(self) -> tuple[dt.datetime, ...]:
        step = dt.timedelta(days=1) if self.interval is Interval.DAY else dt.timedelta(hours=1)
        return tuple(self.start + step * number for number in range(self.bucket_count + 1))


MONTH = Kind(dt.datetime(2026, 11, 1, tzinfo=ZONE), 30)
DAY = Kind(dt.datetime(2026, 11, 3, tzinfo=ZONE), 24, Interval.HOUR)
YEAR = Kind(dt.datetime(2026, 1, 1, tzinfo=ZONE), 365)


def sample_report(
    kind: Kind = MONTH,
    *,
    names: Sequence[str] = NAMES,
    models: Sequence[str] = MODELS,
    language: Language = Language.ENGLISH,
    paper: Paper = Paper.A4,
    organization_name: str = "Acme Robotics",
    complete: bool = True,
) -> Report:
    """Returns a report. The same arguments give the same one. Without models it has no calls."""
    chance = random.Random(7)
    points = [
        _point(chance, bucket, model, 1 + len(models) - model)
        for bucket in range(kind.bucket_count)
        for model in range(len(models))
    ]
    of_models = [_sum([_usage(point) for point in points if point.model == model]) for model in range(len(models))]
    total = _sum(of_models)
    *starts, end = kind.bucket_starts
    start = starts[0].astimezone(dt.UTC)
    people = [
        Row(
            (f"member-{number}",),
            name,
            ("Research", name),
            _part(total, number + 2),
            _part(total, number + 3),
            is_deleted=number == 3,
        )
        for number, name in enumerate(names)
    ]
    groups = [
        Row(("research",), names[0], (), _part(total, 2), Usage()),
        Row(("research", ""), "", (), _part(total, 6), Usage()),
        Row(("research", "vision"), "Vision", (), _part(total, 3), _part(total, 2), is_deleted=True),
        Row(("",), "", (), _part(total, 2), _part(total, 1)),
    ]
    return Report(
        organization="acme",
        organization_name=organization_name,
        scope=Scope(groups=("research",), names=(f"group:{names[0]}", f"model:{MODELS[0]}")),
        start=start,
        end=end.astimezone(dt.UTC),
        previous_start=start - (end - starts[0]),
        time_zone=ZONE.key,
        interval=kind.interval,
        ledger_position=1_284_511,
        read_time=end.astimezone(dt.UTC) + dt.timedelta(hours=8, microseconds=250_000),
        complete=complete,
        total=total,
        before=_part(total, 2),
        active_members=len(people) if points else 0,
        active_members_before=0,
        bucket_starts=tuple(starts),
        points=tuple(points),
        models=tuple(Row((name,), "", (), usage, Usage()) for name, usage in zip(models, of_models, strict=True)),
        model_count=len(models),
        members=tuple(people) if points else (),
        member_count=len(people) if points else 0,
        group_level=1,
        groups=tuple(groups) if points else (),
        budgets=(Budget("group", "research", names[0], "MONTHLY", 9_000 * CREDIT, 9_100 * CREDIT),) if points else (),
        balance=48_211 * CREDIT,
        unusual=_unusual(starts, names[0]) if points else (),
        language=language,
        paper=paper,
        edition="sample",
    )  # fmt: skip


def _unusual(starts: Sequence[dt.datetime], name: str) -> tuple[UnusualSpend, ...]:
    first, last = starts[0].date(), starts[-1].date()
    return (UnusualSpend(first, last, "member", name, 412 * CREDIT, 18 * CREDIT, 60 * CREDIT),)


def _point(chance: random.Random, bucket: int, model: int, weight: int) -> Point:
    calls = int(chance.expovariate(1 / 60) * weight) + 1
    return Point(bucket, model, calls, calls * 900, calls * 240, calls * chance.randrange(4_000_000, 30_000_000))


def _usage(point: Point) -> Usage:
    return Usage(point.call_count, 1, point.input_tokens, point.output_tokens, point.charge, 1, 5)


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(*(sum(getattr(usage, field.name) for usage in usages) for field in fields(Usage)))


def _part(total: Usage, parts: int) -> Usage:
    return Usage(*(getattr(total, field.name) // parts for field in fields(Usage)))
