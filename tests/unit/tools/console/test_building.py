"""The committed build of the console is made from the sources beside it."""

import json

from tools.console.building import BUILD, SOURCE_FILE, source_of_build


def test_the_build_is_as_new_as_its_sources() -> None:
    recorded = json.loads((BUILD / SOURCE_FILE).read_text(encoding="utf-8"))
    assert recorded == {"source": source_of_build()}, "run ./dev console --build and commit console/dist"


def test_only_compressed_files_are_built() -> None:
    files = [file.name for file in BUILD.rglob("*") if file.is_file()]
    assert [name for name in files if not name.endswith(".gz")] == [SOURCE_FILE]
