"""Definitions of providers and models are read from files."""

from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from megarouter_admin.command_line.resources.deployment.catalog import read_definition


def test_a_definition_is_the_json_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "gpus.json"
    file.write_text('{"display_name": "GPUs", "stream_options": true}', encoding="utf-8")
    assert MessageToDict(read_definition(file)) == {"display_name": "GPUs", "stream_options": True}


@pytest.mark.parametrize("content", ["", "[1]", "display_name: GPUs"])
def test_what_is_no_json_object_is_refused_without_its_content(tmp_path: Path, content: str) -> None:
    file = tmp_path / "gpus.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="is not a JSON object"):
        read_definition(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gpus\.json: cannot be read"):
        read_definition(tmp_path / "gpus.json")
