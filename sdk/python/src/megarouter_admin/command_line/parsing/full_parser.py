"""Reads any command line with typer, which reports mistakes and prints help, but is slow to load.

Only the part of the program that the command line names is loaded. If it names none, every part is declared with its name and
summary only, so that help and suggestions are complete.
"""

import enum
import inspect
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Annotated, Any, Final, get_args

import typer
from typer.main import get_command, get_group

from megarouter_admin.command_line.parsing.commands import Command, Parameter, Perform
from megarouter_admin.command_line.parsing.options import Option, is_negative_number
from megarouter_admin.command_line.sections import PARTS, Part

_SUMMARY: Final = "Manages an organization on MegaRouter Enterprise."
_CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


def run_command(command: Command, words: Sequence[str], arguments: Sequence[str], perform: Perform) -> int:
    """Runs a known command and returns its exit status.

    Args:
        command: the command.
        words: the words that name it, such as `keys` and `list`.
        arguments: the rest of the command line.
        perform: executes the command.
    """
    alone = _group("megarouter", "")
    _declare(alone, command, perform)
    return _ended(get_command(alone), _separated(command, arguments), " ".join(["megarouter", *words]))


def _separated(command: Command, arguments: Sequence[str]) -> Sequence[str]:
    """Returns the command line with `--` before its arguments if one is a negative number, which click takes for an option."""
    valued = {
        spelling
        for parameter in command.parameters
        if isinstance(parameter.declaration, Option) and parameter.annotation is not bool
        for spelling in parameter.declaration.spellings(parameter.name)
    }
    options, places = list[str](), list[str]()
    words = iter(arguments)
    for word in words:
        if word in valued:
            options += [word, *islice(words, 1)]
        elif word.startswith("-") and not is_negative_number(word):
            options.append(word)
        else:
            places.append(word)
    if "--" in arguments or not any(map(is_negative_number, places)):
        return arguments
    return [*options, "--", *places]


def run_section(part: Part, arguments: Sequence[str], perform: Perform) -> int:
    """Runs the arguments that follow the name of a section, and returns the exit status."""
    section = _group(part.name, part.summary)
    for command in part.load().values():
        _declare(section, command, perform)
    return _ended(get_group(section), arguments, f"megarouter {part.name}")


def run_program(arguments: Sequence[str]) -> int:
    """Runs a command line that names no part of the program, and returns the exit status."""
    whole = _group("megarouter", _SUMMARY)
    for part in PARTS:
        if part.is_section:
            whole.add_typer(_group(part.name, part.summary))
        else:
            whole.command(part.name, help=part.summary)(_not_loaded)
    return _ended(get_group(whole), arguments, "megarouter")


def whole_program(perform: Perform) -> typer.Typer:
    """Returns the program with every command of every part loaded, for the reference pages and tests."""
    whole = _group("megarouter", _SUMMARY)
    for part in PARTS:
        target = whole
        if part.is_section:
            target = _group(part.name, part.summary)
            whole.add_typer(target)
        for command in part.load().values():
            _declare(target, command, perform)
    return whole


def _ended(parser: Callable[..., Any], arguments: Sequence[str], name: str) -> int:
    try:
        parser(list(arguments), prog_name=name)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _group(name: str, help_text: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_CONTEXT,
    )


def _not_loaded() -> None:
    raise AssertionError("run_program was called with a command line that names a part")


def _declare(target: typer.Typer, command: Command, perform: Perform) -> None:
    def run(**values: Any) -> None:  # noqa: ANN401 - typer passes values of any type
        try:
            status = perform(command, values)
        except ValueError as misused:
            raise typer.BadParameter(str(misused)) from misused
        raise typer.Exit(status)

    run.__doc__ = command.function.__doc__
    parameters = [_as_typer_has_it(parameter) for parameter in command.parameters]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # read by inspect
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    target.command(command.name, epilog=_epilog(command.examples), context_settings=_CONTEXT)(run)


def _as_typer_has_it(parameter: Parameter) -> inspect.Parameter:
    declared = parameter.declaration
    if isinstance(declared, Option):
        info = typer.Option(
            *declared.names,
            metavar=declared.metavar,
            help=declared.text,
            min=declared.minimum,
            envvar=list(declared.variables) or None,
            parser=_parser_of(parameter.annotation),
        )
    else:
        info = typer.Argument(metavar=declared.metavar, help=declared.text)
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if parameter.default is Parameter.REQUIRED else parameter.default,
        annotation=Annotated[parameter.annotation, info],
    )


def _parser_of(annotation: Any) -> Callable[[str], enum.Enum] | None:  # noqa: ANN401 - any type
    """Returns what reads a choice; None for other types. typer's own messages about choices begin with `Value error`."""
    kinds = [
        one for one in get_args(annotation) or (annotation,) if isinstance(one, type) and issubclass(one, enum.Enum)
    ]
    if not kinds:
        return None
    (kind,) = kinds

    def read(text: str) -> enum.Enum:
        for choice in kind:
            if choice.value == text:
                return choice
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(repr(choice.value) for choice in kind)}.")

    return read


def _epilog(examples: Sequence[str]) -> str | None:
    # \b tells click not to rewrap the lines.
    return "\b\nExamples:\n" + "\n".join(f"  megarouter {example}" for example in examples) if examples else None
