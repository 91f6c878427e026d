"""The list of what an image consists of."""

import sys
from pathlib import Path

from tools.images.bill_of_materials import bill_of_materials, debian_packages, python_packages

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u14
Description: a library
 that spans: lines

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_installed_packages_of_debian_are_listed_by_their_url() -> None:
    [package] = debian_packages(STATUS)
    assert package["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64"


def test_packages_of_python_are_listed_with_their_version() -> None:
    folder = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    references = {package["purl"] for package in python_packages(folder)}
    assert any(reference.startswith("pkg:pypi/grpcio-health-checking@") for reference in references)


def test_the_same_packages_in_another_order_give_the_same_document() -> None:
    first, second = debian_packages(STATUS), debian_packages(STATUS.replace("libc6", "zlib1g"))
    document = bill_of_materials("services", "1.0", [*first, *second])
    assert document == bill_of_materials("services", "1.0", [*second, *first])
    assert document["metadata"]["component"]["name"] == "megarouter-services"
