"""Reads unambiguous command lines in a hundredth of the time that typer takes to load.

Everything else (help, a mistake, an unusual spelling) is left to `full_parser`. A test compares the two parsers.
"""

import enum
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from megarouter_admin.command_line.parsing.commands import Command, Parameter
from megarouter_admin.command_line.parsing.options import Option, is_negative_number


class _InDoubtError(Exception):
    """The command line is not plain enough for the quick parser."""


def quick_values(command: Command, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any] | None:
    """Returns the value of every parameter of a command by name, or None to leave the command line to the full parser.

    Args:
        command: the command.
        arguments: the words that follow its name.
        environment: environment variables, which may supply values for absent options.
    """
    try:
        given = _given(command.parameters, arguments)
        return {
            parameter.name: _value(parameter, given.get(parameter.name, []), environment)
            for parameter in command.parameters
        }
    except _InDoubtError:
        return None


def _given(parameters: Sequence[Parameter], arguments: Sequence[str]) -> dict[str, list[str]]:
    """Returns the texts given for each parameter, in order. A flag has one empty text."""
    options = {
        spelling: parameter
        for parameter in parameters
        if isinstance(parameter.declaration, Option)
        for spelling in parameter.declaration.spellings(parameter.name)
    }
    places = iter([parameter for parameter in parameters if not isinstance(parameter.declaration, Option)])
    given: dict[str, list[str]] = {}
    rest = iter(arguments)
    for text in rest:
        if not text.startswith("-") or is_negative_number(text):
            place = next(places, None)
            if place is None:
                raise _InDoubtError
            given[place.name] = [text]
            continue
        option = options.get(text)
        if option is None or (option.name in given and not _is_list(option)):
            raise _InDoubtError
        value = "" if option.annotation is bool else next(rest, "-")
        if value.startswith("-"):
            raise _InDoubtError
        given.setdefault(option.name, []).append(value)
    return given


def _is_list(parameter: Parameter) -> bool:
    return get_origin(_without_none(parameter.annotation)) is list


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - any type
    """Returns `T` for `T | None`, and any other type unchanged."""
    if isinstance(annotation, types.UnionType):
        (kept,) = (one for one in get_args(annotation) if one is not types.NoneType)
        return kept
    return annotation


def _value(parameter: Parameter, texts: Sequence[str], environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - of the parameter's type
    declaration = parameter.declaration
    if not texts and isinstance(declaration, Option):
        texts = [text for name in declaration.variables if (text := environment.get(name))][:1]
    if not texts:
        if parameter.default is Parameter.REQUIRED:
            raise _InDoubtError
        return parameter.default
    if _is_list(parameter):
        return list(texts)
    return True if parameter.annotation is bool else _converted(parameter, texts[0])


def _converted(parameter: Parameter, text: str) -> Any:  # noqa: ANN401 - of the parameter's type
    kind = _without_none(parameter.annotation)
    if kind is str:
        return text
    if kind is Path and text:
        return Path(text)
    if kind is int and text.isascii() and text.isdecimal():
        minimum = parameter.declaration.minimum if isinstance(parameter.declaration, Option) else None
        if minimum is None or int(text) >= minimum:
            return int(text)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        for choice in kind:
            if choice.value == text:
                return choice
    raise _InDoubtError
