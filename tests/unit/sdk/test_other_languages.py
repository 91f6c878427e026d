"""Generating code for languages without a MegaRouter client."""

import re
from pathlib import Path

import pytest

from tools import sdk as clients

RECORDER = '''#!/usr/bin/env python3
"""Replaces Go's plugin, and answers with the files it was asked to generate."""
import sys
from google.protobuf.compiler import plugin_pb2
request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
answer = plugin_pb2.CodeGeneratorResponse(supported_features=1)
packages = {file.name: file.options.go_package for file in request.proto_file}
for name in request.file_to_generate:
    answer.file.add(name=name.replace(".proto", ".pb.go"), content=packages[name])
sys.stdout.buffer.write(answer.SerializeToString())
'''


def test_a_go_plugin_gets_the_files_with_the_given_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    for name in ("protoc-gen-go", "protoc-gen-go-grpc"):
        (plugins / name).write_text(RECORDER if name == "protoc-gen-go" else RECORDER.replace(".pb.go", "_grpc.pb.go"))
        (plugins / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(plugins), prepend=":")
    clients.generate_language("go", tmp_path / "go")
    made = {path.relative_to(tmp_path / "go").as_posix(): path.read_text() for path in tmp_path.rglob("*.pb.go")}
    assert made["megarouter/admin/v1/api_key.pb.go"] == "megarouter.internal/megarouter/admin/v1;adminv1"
    assert "megarouter/admin/v1/api_key_grpc.pb.go" in made
    assert not [name for name in made if not name.startswith("megarouter/")]


def test_a_missing_plugin_is_reported_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(clients.ClientError, match="protoc"):
        clients.generate_language("java", tmp_path)


def test_an_unsupported_language_is_refused_with_the_supported_ones(tmp_path: Path) -> None:
    with pytest.raises(clients.ClientError, match=r"cobol.*go, java, typescript"):
        clients.generate_language("cobol", tmp_path)


def test_the_npm_lock_names_no_registry_and_pins_every_package() -> None:
    lock = (clients.TYPESCRIPT / "package-lock.json").read_text(encoding="utf-8")
    assert not re.search(r"https?://", lock)
    assert lock.count('"integrity": "sha512-') >= lock.count('"node_modules/') > 0
