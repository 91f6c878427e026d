"""Prints what an image consists of, as CycloneDX 1.6 in JSON: Debian's packages, Python's packages, and the product itself.

`python3 bill_of_materials.py NAME PYPROJECT DPKG_STATUS SITE_PACKAGES`. It runs in a stage of the image, with the standard library
alone. The same packages give the same bytes, so it names no time and no random serial number.
"""

import json
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_INSTALLED: Final = "install ok installed"


def bill_of_materials(name: str, version: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the document about the image `name`."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": f"megarouter-{name}@{version}",
                "name": f"megarouter-{name}",
                "version": version,
            }
        },
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }


def debian_packages(status: str) -> list[dict[str, Any]]:
    """Returns the installed packages that the text of `/var/lib/dpkg/status` lists."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(_fields(paragraph))
        if fields.get("Status") == _INSTALLED:
            reference = f"pkg:deb/debian/{fields['Package']}@{quote(fields['Version'])}?arch={fields['Architecture']}"
            found.append(_component(reference, fields["Package"], fields["Version"]))
    return found


def _fields(paragraph: str) -> Iterator[tuple[str, str]]:
    for line in paragraph.splitlines():
        key, separator, value = line.partition(": ")
        if separator and not line.startswith(" "):
            yield key, value


def python_packages(folder: Path) -> list[dict[str, Any]]:
    """Returns the packages that are installed in a folder of Python's packages."""
    found = []
    for package in metadata.distributions(path=[str(folder)]):
        name = package.metadata["Name"].lower().replace("_", "-")
        component = _component(f"pkg:pypi/{name}@{package.version}", name, package.version)
        if "License-Expression" in package.metadata:
            component["licenses"] = [{"expression": package.metadata["License-Expression"]}]
        found.append(component)
    return found


def _component(reference: str, name: str, version: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}


def main(arguments: list[str]) -> None:
    """Prints the document."""
    name, project, status, packages = arguments
    version = tomllib.loads(Path(project).read_text(encoding="utf-8"))["project"]["version"]
    components = [*debian_packages(Path(status).read_text(encoding="utf-8")), *python_packages(Path(packages))]
    sys.stdout.write(json.dumps(bill_of_materials(name, version, components), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
