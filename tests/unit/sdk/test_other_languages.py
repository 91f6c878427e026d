"""The recipe for languages without a client of ours."""

import re
from pathlib import Path

import pytest

from tools import sdk as clients

RECORDER = '''#!/usr/bin/env python3
"""Stands where Go's plugin would, and answers with what it was asked for."""
import sys
from google.protobuf.compiler import plugin_pb2
request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
answer = plugin_pb2.CodeGeneratorResponse(supported_features=1)
packages = {file.name: file.options.go_package for file in request.proto_file}
for name in request.file_to_generate:
    answer.file.add(name=name.replace(".proto", ".pb.go"), content=packages[name])
sys.stdout.buffer.write(answer.SerializeToString())
'''


def test_a_plugin_of_go_would_get_our_files_in_a_module_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    for name in ("protoc-gen-go", "protoc-gen-go-grpc"):
        (plugins / name).write_text(RECORDER if name == "protoc-gen-go" else RECORDER.replace(".pb.go", "_grpc.pb.go"))
        (plugins / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(plugins), prepend=":")
    clients.generate_language("go", tmp_path / "go")
    made = {path.relative_to(tmp_path / "go").as_posix(): path.read_text() for path in tmp_path.rglob("*.pb.go")}
    assert made["megarouter/admin/v1/api_key.pb.go"] == "example.com/megarouter/gen/megarouter/admin/v1;adminv1"
    assert "megarouter/admin/v1/api_key_grpc.pb.go" in made
    assert not [name for name in made if not name.startswith("megarouter/")]


def test_a_missing_plugin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(clients.ClientError, match="protoc"):
        clients.generate_language("java", tmp_path)


def test_a_language_without_plugins_is_refused_with_those_that_have_some(tmp_path: Path) -> None:
    with pytest.raises(clients.ClientError, match=r"cobol.*go, java, typescript"):
        clients.generate_language("cobol", tmp_path)


def test_the_npm_lock_names_no_registry_and_pins_every_package() -> None:
    lock = (clients.TYPESCRIPT / "package-lock.json").read_text(encoding="utf-8")
    assert not re.search(r"https?://", lock)
    assert lock.count('"integrity": "sha512-') >= lock.count('"node_modules/') > 0
