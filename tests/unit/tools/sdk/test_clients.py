"""The clients for Go and Java, as far as they can be checked without their toolchains."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools.protos.descriptors import compiled, own_files
from tools.sdk import SDK, ClientError, build, go, java
from tools.sdk.running import version
from tools.sdk.services import go_services, java_services, services


def test_every_service_of_the_api_has_an_entry_in_every_client() -> None:
    files = own_files(compiled())
    found = services(files)
    assert [service.name for service in found] == sorted(one.name for file in files for one in file.descriptor.service)
    in_go, in_java = go_services("example.com/m", found), java_services(found)
    for service in found:
        assert f"\t{service.name} adminv1.{service.name}Client\n" in in_go
        assert f"services.{service.name} = adminv1.New{service.name}Client(connection)" in in_go
        assert f"public {service.name}Grpc.{service.name}BlockingStub {service.attribute}()" in in_java


def test_generated_code_is_never_committed_and_so_never_stale() -> None:
    generated = [go.FOLDER / name / "file" for name in go.GENERATED if "." not in name]
    generated += [go.FOLDER / "services.go", java.GENERATED / "file"]
    result = subprocess.run(
        ["git", "check-ignore", "--", *map(str, generated)], cwd=ROOT, capture_output=True, check=False
    )
    assert len(result.stdout.splitlines()) == len(generated)


def test_all_clients_have_one_version() -> None:
    pom = (java.FOLDER / "pom.xml").read_text(encoding="utf-8")
    assert re.findall(r"<artifactId>megarouter-admin</artifactId>\s*<version>(.*?)</version>", pom) == [version()]
    assert f"{go.MODULE}@v{version()}" in (go.FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"<version>{version()}</version>" in (java.FOLDER / "README.md").read_text(encoding="utf-8")
    assert (go.FOLDER / "go.mod").read_text(encoding="utf-8").startswith(f"module {go.MODULE}\n")


@pytest.mark.parametrize(("name", "program"), [("go", "protoc-gen-go-grpc"), ("java", "grpc_java_plugin")])
def test_a_missing_toolchain_is_named_with_the_packages_that_have_it(
    name: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError) as failed:
        build([name])
    assert program in str(failed.value)
    assert "apt-get install --no-install-recommends" in str(failed.value)


@pytest.mark.parametrize("client", ["python", "typescript", "go", "java"])
def test_the_readme_of_a_package_links_to_nothing_outside_the_package(client: str) -> None:
    """The package is installed without the repository."""
    readme = SDK / client / "README.md"
    links = re.findall(r"\]\(([^)#]+)", readme.read_text(encoding="utf-8"))
    targets = [(readme.parent / link).resolve() for link in links if "://" not in link]
    assert all(target.is_relative_to(readme.parent) and target.exists() for target in targets), targets
    if client in {"python", "typescript"}:  # their packages have no file beside the README that a person reads
        assert targets == []


def test_an_unknown_client_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ClientError, match="cobol; choose from python, typescript, go, java"):
        build(["cobol"])
