"""Finds the catalog model that a provider's name of the answering model means.

Providers answer with the name that was asked for, with a dated snapshot of it (`gpt-4o-2024-08-06`), or with another
model, such as a fallback.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.record_decorator import record

_PREFIX: Final = "models/"
_DATE: Final = re.compile(
    r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{2}-\d{2}|\d{3,4}|latest|v\d{1,2}(?::\d{1,2})?)$", re.ASCII
)


@record(frozen=True, slots=True)
class Meaning:
    """The names of answers that mean one model. Names are compared plain: in lower case, and without a path before them."""

    undated: tuple[str, ...]
    """An answer means the model if its name without a date is one of these."""
    exceptions: tuple[str, ...]
    """Names of other models, with or without a date, that would otherwise mean this one."""


class AnsweredModels:
    """The models of one catalog by every name that a provider may answer with."""

    def __init__(self, models: Iterable[Model]) -> None:
        """Indexes models. Of models with the same name, the first one counts: pass those on offer before retired ones."""
        self._exact: dict[tuple[str, str], Model] = {}
        self._undated: dict[tuple[str, str], Model] = {}
        self._by_undated: dict[tuple[str, str], list[str]] = {}
        for model in models:
            for name in _names(model):
                self._exact.setdefault((model.provider, _plain(name)), model)
                self._undated.setdefault((model.provider, _undated(name)), model)
                self._by_undated.setdefault((model.provider, _undated(name)), []).append(_plain(name))

    def find(self, asked: Model, answered: str) -> Model | None:
        """Returns the model that answered; None if the catalog does not have it.

        Args:
            asked: the model called. Only models of its provider can answer.
            answered: the provider's name of the model that answered.
        """
        names, undated_names = _forms(_names(asked))
        plain = _plain(answered)
        if plain in names:
            return asked
        if exact := self._exact.get((asked.provider, plain)):
            return exact
        undated = _undated(answered)
        # The name of the model asked for may itself end like a date, as `mistral-small-2603` does.
        if undated in names or undated in undated_names:
            return asked
        return self._exact.get((asked.provider, undated)) or self._undated.get((asked.provider, undated))

    def meaning(self, asked: Model) -> Meaning:
        """Returns the names with which `find` returns the model asked for, for a reader that has no catalog."""
        names, undated_names = _forms(_names(asked))
        known = sorted(names | undated_names)
        others = {exact for undated in known for exact in self._by_undated.get((asked.provider, undated), ())}
        return Meaning(tuple(known), tuple(sorted(others - names)))


NO_OTHER_MODELS: Final = AnsweredModels(())


def _names(model: Model) -> tuple[str, ...]:
    return (model.upstream_name, model.name, *model.aliases)


@lru_cache(maxsize=1_024)
def _forms(names: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the names of a catalog model as they are compared: plain, and without dates. Never for reported names."""
    return frozenset(map(_plain, names)), frozenset(map(_undated, names))


def _plain(name: str) -> str:
    """Returns a name in lower case without the path that Google's and some other servers put before it."""
    return name.lower().removeprefix(_PREFIX).rpartition("/")[2]


def _undated(name: str) -> str:
    return _DATE.sub("", _plain(name))
