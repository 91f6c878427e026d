"""Prints what routers save on prompts whose outcomes are known: `python -m benchmarks.routing outcomes.jsonl.gz`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.routing.outcomes import OutcomesError, Pair, Prompt, read_prompts
from benchmarks.routing.routers import ROUTERS
from benchmarks.routing.savings import Saving, random_saving, saving

ALLOWED_PERCENTS: Final = (1.0, 2.0, 5.0)
# List prices when the models were new, in USD per million tokens of input and output.
PAIRS: Final = (
    Pair("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", (0.15, 0.60), (2.50, 10.0)),
    Pair("gemini-1.5-flash-002", "gemini-1.5-pro-002", (0.075, 0.30), (1.25, 5.0)),
    Pair("mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview", (0.60, 0.60), (10.0, 30.0)),
    Pair("claude-3-haiku-20240307", "claude-3-5-sonnet-20241022", (0.25, 1.25), (3.0, 15.0)),
    Pair("Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.1-70B-Instruct", (0.05, 0.08), (0.59, 0.79)),
)


def main(arguments: Sequence[str]) -> int:
    """Prints a table for each pair. Returns the exit status."""
    options = argument_parser().parse_args(arguments)
    pairs = [pair for pair in PAIRS if not options.pair or options.pair in {pair.weak, pair.strong}]
    if not pairs:
        sys.stderr.write(f"no pair has a model named {options.pair}\n")
        return 2
    try:
        for pair in pairs:
            _print(pair, read_prompts(options.outcomes, pair), quick=options.quick)
    except OutcomesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def argument_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routing",
        description="What routers save at a given loss of quality. Thresholds of one half of the prompts route the other.",
    )
    parser.add_argument(
        "outcomes", type=Path, help="prompts with outcomes, JSON lines, optionally compressed with gzip"
    )
    parser.add_argument("--pair", metavar="MODEL", help="only pairs with this model")
    parser.add_argument("--quick", action="store_true", help="without the scores of words")
    return parser


def _print(pair: Pair, prompts: Sequence[Prompt], *, quick: bool) -> None:
    first = [prompt for prompt in prompts if prompt.is_in_first_half]
    halves = (first, [prompt for prompt in prompts if not prompt.is_in_first_half])
    weak, strong = (
        100 * sum(getattr(one, name) for one in prompts) / len(prompts) for name in ("weak_score", "strong_score")
    )
    lines = [
        f"{pair.weak} -> {pair.strong}",
        f"{len(prompts)} prompts, quality {weak:.1f} -> {strong:.1f}",
        f"{'router':<16}" + "".join(f"{f'saved at {allowed:g} %':>16}{'lost':>8}" for allowed in ALLOWED_PERCENTS),
        _line("random", [random_saving(prompts, allowed) for allowed in ALLOWED_PERCENTS]),
    ]
    for name, learn in ROUTERS.items():
        if not (quick and "words" in name):
            lines.append(_line(name, [saving(halves, learn, allowed) for allowed in ALLOWED_PERCENTS]))
    sys.stdout.write("\n".join(lines) + "\n\n")
    sys.stdout.flush()


def _line(name: str, found: Sequence[Saving]) -> str:
    return f"{name:<16}" + "".join(f"{one.saved:>14.1f} %{one.lost:>6.2f} %" for one in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
