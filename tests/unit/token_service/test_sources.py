import json
from pathlib import Path

import pytest

from gateway_core.runtime.settings import StartRefusedError
from token_service.sources import read_sources

ENTRA = {"kind": "microsoft_entra", "tenant": "ours", "client_id": "app"}
SOURCE = {
    "target": "azure-eu",
    "authentication": ENTRA,
    "credential_file": "/run/secrets/azure-eu",
    "token_file": "/run/tokens/azure-eu",
}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "Invalid JSON"),
        (json.dumps([SOURCE, SOURCE]), "two sources write the same token_file"),
        (json.dumps([SOURCE | {"target": "Azure"}]), "target"),
        (json.dumps([SOURCE | {"authentication": {"kind": "aws_signature"}}]), "authentication"),
        (
            json.dumps([SOURCE | {"authentication": ENTRA | {"authority": "http://login.example"}}]),
            "must begin with https://",
        ),
    ],
)
def test_a_bad_list_of_sources_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "sources.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(StartRefusedError, match=problem):
        read_sources(file)
