"""Measures what routers save at a given loss of quality: `./dev route-eval`."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.routing import routers
from benchmarks.routing.drawings import drawing
from benchmarks.routing.evaluation import ALLOWED_PERCENTS, Evaluated, Saving, by_use_case, coin, evaluate
from benchmarks.routing.figures import (
    DOCUMENT,
    Figures,
    PairFigures,
    figures_of,
    misquoted,
    read_figures,
    worse_than,
    write_figures,
)
from benchmarks.routing.losses import stated_losses
from benchmarks.routing.outcomes import OutcomesError, Pair, Prompt, read_prompts
from benchmarks.routing.pairs import PAIRS, pair_of
from benchmarks.routing.policies import read_policy, saving_of_policy
from benchmarks.routing.scores.weights import WEIGHTS_FILE, WeightsError, read_score_file

SAMPLE: Final = Path(__file__).parent / "sample/outcomes.jsonl.gz"
_WHOLE: Final = dict(zip(PAIRS, (2_840, 12_002, 15_521, 2_840, 14_872), strict=True))
"""How many prompts of each pair the public data has from which the sample was taken."""
_TIMED_PROMPTS: Final = 2_000


def main(arguments: Sequence[str]) -> int:
    """Prints a table for each pair. Returns the exit status: 1 if the figures are worse than stored, 2 for wrong input."""
    options = argument_parser().parse_args(arguments)
    if options.quick == (options.data is not None):
        sys.stderr.write("name a file with outcomes, or add --quick for the sample\n")
        return 2
    try:
        pairs = [pair_of(options.pair, options.price)] if options.pair else list(PAIRS)
        found: dict[str, PairFigures] = {}
        prompts = read_prompts(SAMPLE if options.quick else options.data, pairs)
        for pair, answered in zip(pairs, prompts, strict=True):
            evaluated = _evaluated(answered)
            name = f"{_short(pair.weak)} → {_short(pair.strong)}"
            found[name] = figures_of(evaluated)
            sys.stdout.write(_text(pair, answered, found[name]))
            if options.policy:
                sys.stdout.write(_policy_line(saving_of_policy(answered, *read_policy(options.policy, pair.weak))))
            if options.losses is not None:
                for text in stated_losses(answered, pair.weak, read_score_file(WEIGHTS_FILE), options.losses):
                    sys.stdout.write(f"--loss '{text}'\n")
            sys.stdout.write("\n")
            sys.stdout.flush()
            if options.svg:
                _draw(options.svg, name, evaluated)
    except (OutcomesError, WeightsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    known = _known_as(options.data, pairs, prompts)
    return _compare(known, found, accept=options.accept, all_pairs=not options.pair) if known else 0


def argument_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="./dev route-eval",
        description="What routers save at a given loss of quality. Thresholds of one half of the prompts route the other.",
    )
    parser.add_argument("data", type=Path, nargs="?", help="prompts with outcomes, JSON lines, plain or gzip")
    parser.add_argument("--quick", action="store_true", help="measure on the sample that comes with the repository")
    parser.add_argument("--pair", metavar="WEAK,STRONG", help="only these two models")
    parser.add_argument(
        "--price", metavar="MODEL=INPUT,OUTPUT", action="append", default=[], help="USD per million tokens, repeatable"
    )
    parser.add_argument("--policy", type=Path, metavar="FILE", help="also what these losses and this allowed loss do")
    parser.add_argument(
        "--losses",
        type=float,
        metavar="PERCENT",
        help="also the losses to state in a virtual model where so much may be lost",
    )
    parser.add_argument("--svg", type=Path, metavar="DIRECTORY", help="draw a curve for each router")
    parser.add_argument(
        "--accept", action="store_true", help="store the figures of the sample or the public data, and quote them"
    )
    return parser


def _evaluated(prompts: Sequence[Prompt]) -> Mapping[str, Evaluated]:
    learners: Mapping[str, Callable[[], Evaluated]] = {
        "random": partial(coin, prompts),
        "table": partial(evaluate, prompts, routers.table),
        "table + score": partial(evaluate, prompts, routers.table_with_score),
        "table + proved score": partial(evaluate, prompts, routers.table_with_proved_score),
        "score, task unseen": partial(evaluate, prompts, routers.score_alone, by_use_case(prompts)),
        "oracle": partial(evaluate, prompts, routers.oracle),
    }
    return {name: learned() for name, learned in learners.items()}


def _text(pair: Pair, prompts: Sequence[Prompt], figures: PairFigures) -> str:
    weak, strong = (
        100 * sum(getattr(one, name) for one in prompts) / len(prompts) for name in ("weak_score", "strong_score")
    )
    lines = [
        f"{pair.weak} → {pair.strong}",
        f"{len(prompts)} prompts, quality {weak:.1f} → {strong:.1f}, {_score_us(prompts):.1f} µs for the score of a prompt here",
        f"{'router':<20}"
        + "".join(f"{f'saved at {allowed:g} %':>16}{'interval':>14}{'lost':>8}" for allowed in ALLOWED_PERCENTS),
    ]
    for router, rows in figures.items():
        cells = [f"{saved:>14.1f} %{f'{low:.1f}-{high:.1f}':>14}{lost:>6.2f} %" for saved, low, high, lost in rows]
        lines.append(f"{router:<20}" + "".join(cells))
    return "\n".join(lines) + "\n"


def _policy_line(found: Saving) -> str:
    low, high = found.lost_interval
    return f"the policy saves {found.saved:.1f} % and loses {found.lost:.2f} % of quality ({low:.2f} to {high:.2f})\n"


def _score_us(prompts: Sequence[Prompt]) -> float:
    """Returns how long the table with the score takes to score a prompt whose buckets are known."""
    timed = prompts[:_TIMED_PROMPTS]
    score = routers.table_with_score(timed)
    begin_ns = time.perf_counter_ns()
    for prompt in timed:
        score(prompt)
    return (time.perf_counter_ns() - begin_ns) / len(timed) / 1_000


def _draw(directory: Path, name: str, evaluated: Mapping[str, Evaluated]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name.replace(' → ', '-to-')}.svg").write_text(drawing(name, evaluated), encoding="utf-8")
    except OSError as error:
        raise OutcomesError(f"--svg {directory}: cannot be written ({error.strerror or error})") from error


def _short(model: str) -> str:
    return model.rpartition("/")[2]


def _known_as(data: Path | None, pairs: Sequence[Pair], prompts: Sequence[Sequence[Prompt]]) -> str | None:
    """Returns the name of the stored figures that these prompts have; None for the prompts of a customer."""
    if data is None:
        return "quick"
    is_whole = all(len(answered) == _WHOLE.get(pair) for pair, answered in zip(pairs, prompts, strict=True))
    return "whole" if is_whole else None


def _compare(known: str, found: Figures, *, accept: bool, all_pairs: bool) -> int:
    if accept and all_pairs:
        write_figures(known, found)
        return 0
    stored = read_figures(known)
    problems = list(worse_than(stored, found))
    if misquoted():
        problems.append(f"{DOCUMENT.name} quotes other figures than the stored ones")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
