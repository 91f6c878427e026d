"""Learns the score of texts that Envoy's module computes: `python -m tools.routing_scores DATA`.

It learns from prompts whose outcomes with pairs of models are known. It writes the weights, and beside them how good they are.
The same prompts give the same weights. They are learned on one half of the prompts; how good they are, and the losses that
`./dev route-eval --losses` prints, is measured on the other.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.routing.outcomes import OutcomesError, Pair, Prompt, read_prompts
from benchmarks.routing.pairs import PAIRS, pair_of
from benchmarks.routing.routers import mean_gaps
from benchmarks.routing.scores import linear
from benchmarks.routing.scores.weights import WEIGHTS_FILE, ScoreFile, Weights, rounded, score_of

_DECIMALS: Final = 3


def main(arguments: Sequence[str]) -> int:
    """Writes the weights and their quality. Returns the exit status: 2 for wrong input."""
    options = argument_parser().parse_args(arguments)
    try:
        pairs = [pair_of(text, options.price) for text in options.pair] or list(PAIRS)
        answered = read_prompts(options.data, pairs)
    except OutcomesError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    known, others = (
        [[one for one in prompts if one.is_learned is side] for prompts in answered] for side in (True, False)
    )
    found = ScoreFile((learned(known),))
    options.output.write_bytes(found.encode())
    quality = quality_of(pairs, others, found.weights[0])
    text = json.dumps({"version": found.version, "separation_in_use_cases": quality}, indent=1)
    options.output.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{text}\n")
    return 0


def argument_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.routing_scores", description="Learns the score of texts.")
    parser.add_argument("data", type=Path, help="prompts with outcomes, as for ./dev route-eval")
    parser.add_argument("--pair", metavar="WEAK,STRONG", action="append", default=[], help="two models, repeatable")
    parser.add_argument(
        "--price", metavar="MODEL=INPUT,OUTPUT", action="append", default=[], help="USD per million tokens, repeatable"
    )
    parser.add_argument("--output", type=Path, default=WEIGHTS_FILE, help="where to write (the module's weights)")
    return parser


def learned(answered: Iterable[Sequence[Prompt]]) -> Weights:
    """Returns the weights of what the gaps of use cases leave over, of all pairs together."""
    examples = []
    for prompts in answered:
        gaps = mean_gaps(prompts) if prompts else {}
        examples += [(one.buckets, one.gap - gaps[one.use_case]) for one in prompts]
    return rounded(linear.learn(examples))[0]


def quality_of(pairs: Iterable[Pair], answered: Iterable[Sequence[Prompt]], weights: Weights) -> Mapping[str, float]:
    """Returns how well weights tell the prompts of each pair apart, within use cases: 0.5 is a coin, 1 is perfect."""
    found: dict[str, float] = {}
    for pair, prompts in zip(pairs, answered, strict=True):
        right, count = _separated(prompts, weights)
        found[f"{pair.weak},{pair.strong}"] = round(right / count, _DECIMALS) if count else 0.5
    return found


def _separated(prompts: Iterable[Prompt], weights: Weights) -> tuple[float, int]:
    """Returns in how many pairs of prompts of one use case the one with the gap has the higher score, and how many there are."""
    by_use_case: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for one in prompts:
        by_use_case[one.use_case].append((score_of(weights, one.buckets), one.gap > 0))
    right, count = 0.0, 0
    for scored in by_use_case.values():
        gaps = sum(has_gap for _, has_gap in scored)
        right += _rank_sum(scored) - gaps * (gaps + 1) / 2
        count += gaps * (len(scored) - gaps)
    return right, count


def _rank_sum(scored: Iterable[tuple[int, bool]]) -> float:
    """Returns the sum of the ranks of those with a gap. Equal scores share their mean rank."""
    groups: dict[int, list[bool]] = defaultdict(list)
    for score, has_gap in scored:
        groups[score].append(has_gap)
    total, before = 0.0, 0
    for score in sorted(groups):
        total += sum(groups[score]) * (before + (len(groups[score]) + 1) / 2)
        before += len(groups[score])
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
