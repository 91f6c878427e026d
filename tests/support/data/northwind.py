"""The people of Northwind, the company of docs/guides/half-a-day.md."""

from pathlib import Path
from typing import Final

_NAMES: Final = (
    *("ada", "ben", "cleo", "dara", "eli", "fay", "gus", "hana", "ida", "jon", "kim", "lea", "max", "nia", "oto"),
    *("pia", "quin", "rosa", "sam", "tess", "uma", "vic", "wen", "xia", "yuri", "zoe", "arno", "bea", "cem", "dina"),
)
_GROUPS: Final = (
    "Product",
    "Product/Apps",
    "Product/Apps/Mobile",
    "Product/Apps/Mobile/Checkout",
    "Product/Apps/Web",
    "Research",
    "Research/Vision",
)
_ROLES: Final = {"ada": "l1-admin", "ben": "sub-admin"}


def people() -> list[tuple[str, str, str]]:
    """Returns address, group and role of thirty people."""
    return [
        (f"{name}@northwind.example", _GROUPS[number % len(_GROUPS)], _ROLES.get(name, "member"))
        for number, name in enumerate(_NAMES)
    ]


def write_people(file: Path) -> None:
    """Writes them as a file for `megarouter members import`."""
    lines = ["address,group,role", *(",".join(person) for person in people())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
