"""Policies as routers: a use case goes to the weak model if its stated loss is allowed, whatever the prompts say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.routing.evaluation import Saving, saving_of
from benchmarks.routing.outcomes import OutcomesError, Prompt


def read_policy(path: Path, weak: str) -> tuple[float, dict[str, float]]:
    """Returns the allowed loss, and the stated loss of the weak model for each use case, both in percent.

    The file has the fields of the admin API: `maxLossBasisPoints` of a routing policy and `measuredLosses` of a virtual model.

    Raises:
        OutcomesError: the file cannot be read or says something else.
    """
    try:
        stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        allowed = int(stated["maxLossBasisPoints"]) / 100
        losses = {
            str(one["useCase"]): int(one["lossBasisPoints"]) / 100
            for one in stated["measuredLosses"]
            if one["modelName"] == weak
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = '{"maxLossBasisPoints": 100, "measuredLosses": [{"useCase": …, "model": …, "lossBasisPoints": …}]}'
        raise OutcomesError(f"{path}: must be {expected} ({type(error).__name__}: {error})") from error
    if not losses:
        raise OutcomesError(f"{path}: states no loss of {weak}")
    return allowed, losses


def saving_of_policy(prompts: Sequence[Prompt], allowed: float, losses: dict[str, float]) -> Saving:
    """Returns what the policy saves and loses on these prompts."""
    return saving_of([(one, losses.get(one.use_case, float("inf")) <= allowed) for one in prompts])
