"""Converts between rows of a CSV file and the rows of `Members.ImportMembers`. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from megarouter.admin.v1.messages import Group, Guardrail, Member, MemberLimits, MemberRow, ModelWhitelist

from megarouter_admin.command_line.parsing.commands import RoleChoice, label, role
from megarouter_admin.command_line.values.amounts import format_credits, parse_credits
from megarouter_admin.command_line.values.limits import NONE, ON, CycleChoice, rollover_of

NO_MODELS: Final = "no models"
"""A whitelist without entries, which allows nothing."""
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("email", "e-mail", "mail", "e-mail address", "user"),
    "name": ("display name", "full name"),
    "group": ("group path", "team"),
    "role": (),
    "budget": ("budget in credits", "credits"),
    "cycle": ("budget cycle", "period"),
    "rollover": ("budget rollover", "carries over", "carry over"),
    "rpm": ("requests per minute", "requests/min"),
    "models": ("model", "whitelist", "model whitelist", "allowed models"),
}
"""The columns of the file, with other titles that are understood."""
REQUIRED: Final = "address"
_SEPARATORS: Final = re.compile(r"[\s,;]+")


def member_row(cells: Mapping[str, str]) -> MemberRow:
    """Returns the row for the API. An empty cell leaves a value as it is, and `none` removes it.

    Raises:
        ValueError: a cell is malformed. The message names its column.
    """
    row = MemberRow(email=cells.get("address", ""), limits=MemberLimits())
    if not row.email:
        raise ValueError("address: is empty")
    if group := cells.get("group"):
        row.group_path = "" if group.casefold() == NONE else group
    for column, read in _READERS.items():
        text = cells.get(column, "")
        if text:
            try:
                read(row, text)
            except ValueError as error:
                raise ValueError(f"{column}: {error}") from error
    return row


def _role(row: MemberRow, text: str) -> None:
    plain = re.sub(r"[\s_-]+", "-", text.casefold().removeprefix("role_"))
    try:
        row.role = RoleChoice(plain).value_of_api()
    except ValueError as error:
        raise ValueError(f"{text!r} is no role: write {', '.join(RoleChoice)}") from error


def _budget(row: MemberRow, text: str) -> None:
    if text.casefold() == NONE:
        row.removed_limits.append("budget_nano_credits")
        return
    amount = parse_credits(text)
    if amount < 0:
        raise ValueError(f"{text!r} is below 0")
    row.limits.budget_nano_credits = amount


def _cycle(row: MemberRow, text: str) -> None:
    try:
        row.limits.cycle = Guardrail.Cycle.Value(f"CYCLE_{CycleChoice(text.casefold()).name}")
    except ValueError as error:
        raise ValueError(f"{text!r} is no cycle: write {', '.join(CycleChoice)}") from error


def _rollover(row: MemberRow, text: str) -> None:
    try:
        row.limits.rollover.CopyFrom(rollover_of(text.casefold()))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no rollover: write `{ON}`, the most credits to carry over, or `{NONE}`"
        ) from error


def _rpm(row: MemberRow, text: str) -> None:
    if text.casefold() == NONE:
        row.removed_limits.append("requests_per_minute")
    elif text.isascii() and text.isdecimal() and len(text) < 10:
        row.limits.requests_per_minute = int(text)
    else:
        raise ValueError(f"{text!r} is not a whole number or `{NONE}`")


def _models(row: MemberRow, text: str) -> None:
    if text.casefold() == NONE:
        row.removed_limits.append("model_whitelist")
    elif text.casefold() == NO_MODELS:
        row.limits.model_whitelist.CopyFrom(ModelWhitelist())
    else:
        entries = list(dict.fromkeys(entry for entry in _SEPARATORS.split(text) if entry))
        row.limits.model_whitelist.CopyFrom(ModelWhitelist(entries=entries))


_READERS: Final = {
    "role": _role,
    "budget": _budget,
    "cycle": _cycle,
    "rollover": _rollover,
    "rpm": _rpm,
    "models": _models,
}


def cells_of(member: Member, guardrail: Guardrail | None, group_path: str) -> list[str]:
    """Returns the cells of a member, in the order of `COLUMNS`. Reading them again changes nothing."""
    rail = guardrail or Guardrail()
    has_budget = rail.HasField("budget_nano_credits")
    models = " ".join(rail.model_whitelist.entries) or NO_MODELS
    return [
        member.email,
        member.display_name,
        group_path,
        role(member.role),
        format_credits(rail.budget_nano_credits).replace(",", "") if has_budget else "",
        label(Guardrail.Cycle.Name(rail.cycle), "CYCLE_") if has_budget else "",
        _rollover_cell(rail.rollover),
        str(rail.requests_per_minute) if rail.HasField("requests_per_minute") else "",
        models if rail.HasField("model_whitelist") else "",
    ]


def _rollover_cell(rollover: Guardrail.Rollover) -> str:
    if not rollover.enabled:
        return ""
    cap = rollover.cap_nano_credits
    return format_credits(cap).replace(",", "") if rollover.HasField("cap_nano_credits") else ON


def group_paths(groups: list[Group]) -> dict[str, str]:
    """Returns the path of each group by its name, in display names where they are clear and else in ids."""
    by_name = {group.name: group for group in groups}
    ids = {_id(name) for name in by_name}
    siblings: dict[str, list[Group]] = {}
    for group in groups:
        siblings.setdefault(group.parent_group, []).append(group)

    def part(group: Group) -> str:
        text = group.display_name
        others = [one for one in siblings[group.parent_group] if one.name != group.name]
        is_clear = (
            text == text.strip()
            and text
            and "/" not in text
            and text.casefold() != NONE
            and text not in ids
            and all(one.display_name.casefold() != text.casefold() for one in others)
        )
        return text if is_clear else _id(group.name)

    return {
        group.name: "/".join(part(by_name[name]) if name in by_name else _id(name) for name in group.path)
        for group in groups
    }


def _id(name: str) -> str:
    return name.rpartition("/")[2]
