import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain import environments, protobuf
from deploy.local.toolchain.lock import exclusive
from deploy.local.toolchain.main import groups_of
from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import BootstrapError, run
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp


def test_only_developer_commands_need_the_developer_packages() -> None:
    assert groups_of(["up", "--detach"]) == groups_of([]) == {"local"}
    assert groups_of(["test", "-k", "up"]) == groups_of(["lint"]) == groups_of(["sdk"]) == {"local", "dev"}


def test_an_environment_with_additional_packages_needs_no_work() -> None:
    stamp = Stamp("source", frozenset({"local", "dev"}))
    assert stamp.covers("source", frozenset({"local"}))
    assert not stamp.covers("other", frozenset({"local"}))
    assert not Stamp("source", frozenset({"local"})).covers("source", frozenset({"dev"}))


def test_packages_of_a_manual_environment_are_not_removed() -> None:
    groups = frozenset({"local"})
    assert "--inexact" in environments.sync_options(groups, exact=False)
    assert "--inexact" not in environments.sync_options(groups, exact=True)


def test_a_fingerprint_depends_on_content_name_and_facts(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("x")
    second.write_text("x")
    before = fingerprint([first], ["3.11"])
    assert before == fingerprint([first], ["3.11"])
    assert before != fingerprint([second], ["3.11"])
    assert before != fingerprint([first], ["3.12"])
    first.write_text("y")
    assert before != fingerprint([first], ["3.11"])


def test_a_stamp_is_read_back_and_a_damaged_one_counts_as_absent(tmp_path: Path) -> None:
    file = tmp_path / "stamp"
    assert read_stamp(file) is None
    write_stamp(file, Stamp("source", frozenset({"b", "a"})))
    assert read_stamp(file) == Stamp("source", frozenset({"a", "b"}))
    file.write_text("{")
    assert read_stamp(file) is None


def test_an_incomplete_checkout_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"uv\.lock.*missing"):
        environments.environments_source(Repository(tmp_path))


def test_a_failed_step_shows_the_commands_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"]
    with pytest.raises(BootstrapError, match=r"it failed \(status 3\):\nthe reason"):
        run(command, "it failed", tmp_path, os.environ)


def test_the_lock_admits_one_at_a_time(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with exclusive(tmp_path / "lock"):
            entered.set()

    other = threading.Thread(target=enter)
    with exclusive(tmp_path / "lock"):
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(5.0)
    other.join()


def _checkout(tmp_path: Path, proto: str) -> Repository:
    """Creates a checkout with one proto file that uses this repository's environment."""
    repository = Repository(tmp_path)
    repository.environment.symlink_to(REPOSITORY / ".venv")
    package = repository.protos / "megarouter" / "v1"
    package.mkdir(parents=True)
    repository.proto_generator.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / "tools" / "protos" / "generate.py", repository.proto_generator)
    (package / "thing.proto").write_text(proto)
    return repository


PROTO = """syntax = "proto3";
package megarouter.v1;
import "google/api/annotations.proto";
service Things { rpc Get(Thing) returns (Thing) { option (google.api.http) = {get: "/v1/thing"}; } }
message Thing { string name = 1; }
"""


def test_generated_code_follows_its_sources(tmp_path: Path) -> None:
    repository = _checkout(tmp_path, PROTO)
    source = protobuf.generated_source(repository, "environments")
    assert not protobuf.generated_is_current(repository, source)
    protobuf.generate(repository, source)
    assert protobuf.generated_is_current(repository, source)
    folder = repository.generated / "megarouter" / "v1"
    assert {"thing_pb2.py", "thing_pb2_grpc.py", "thing_pb2.pyi"} <= {path.name for path in folder.iterdir()}

    next(repository.protos.rglob("*.proto")).write_text(PROTO.replace("Thing", "Item"))
    changed = protobuf.generated_source(repository, "environments")
    assert not protobuf.generated_is_current(repository, changed)
    protobuf.generate(repository, changed)
    assert "Item" in (folder / "thing_pb2.pyi").read_text()


def test_sources_that_do_not_compile_leave_the_old_code_in_place(tmp_path: Path) -> None:
    repository = _checkout(tmp_path, PROTO)
    protobuf.generate(repository, "source")
    next(repository.protos.rglob("*.proto")).write_text("message {")
    with pytest.raises(BootstrapError, match=r"(?s)could not be compiled.*thing\.proto"):
        protobuf.generate(repository, "source 2")
    assert (repository.generated / "megarouter" / "v1" / "thing_pb2.py").exists()


def test_the_bootstrap_imports_only_the_standard_library() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import deploy.local.toolchain.main;"
        "foreign = {name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'deploy', '__main__'};"
        "sys.exit(', '.join(sorted(foreign)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(REPOSITORY)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
