"""The Go client, taken from its packed module, against the running stack."""

import shutil
from pathlib import Path

import pytest

from tests.sdks.conftest import Run
from tests.support.clients.examples import EXAMPLE_SHOWS, PAGE_SHOWS, assert_shows, code_of
from tools.sdk import go
from tools.sdk.running import version
from tools.sdk.toolchains import GO_LIBRARIES


@pytest.fixture(scope="module")
def workspace(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Go workspace that has the module as Go downloads it, beside the libraries of Debian."""
    go.build()
    folder = tmp_path_factory.mktemp("go-client")
    downloads = {
        "GOPROXY": go.PROXY.as_uri(), "GONOSUMDB": go.MODULE, "GOFLAGS": "-modcacherw", "GO111MODULE": "on",
        "GOMODCACHE": str(folder / "downloads"),
    }  # fmt: skip
    run(["go", "mod", "download", f"{go.MODULE}@v{version()}"], folder, downloads)
    place = folder / "src" / go.MODULE
    place.parent.mkdir(parents=True)
    shutil.move(folder / "downloads" / f"{go.MODULE}@v{version()}", place)
    return folder


@pytest.fixture(scope="module")
def environment(workspace: Path) -> dict[str, str]:
    return {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": f"{workspace}:{GO_LIBRARIES}"}


def test_the_module_passes_its_own_tests(run: Run, workspace: Path, environment: dict[str, str]) -> None:
    package = workspace / "src" / go.MODULE
    run(["go", "vet", "./..."], package, environment)
    assert f"ok  \t{go.MODULE}" in run(["go", "test", "./..."], package, environment)


def test_the_example_runs(run: Run, workspace: Path, environment: dict[str, str]) -> None:
    shown = run(["go", "run", f"{go.MODULE}/examples/api_keys"], workspace, environment)
    assert_shows(shown, EXAMPLE_SHOWS)


def test_the_program_of_the_readme_runs(run: Run, workspace: Path, environment: dict[str, str]) -> None:
    program = workspace / "src" / "readme"
    program.mkdir()
    (program / "main.go").write_text(code_of(go.FOLDER / "README.md", "go"), encoding="utf-8")
    assert run(["gofmt", "-l", "."], program) == ""
    run(["go", "vet", "readme"], workspace, environment)
    assert_shows(run(["go", "run", "readme"], workspace, environment), PAGE_SHOWS)
