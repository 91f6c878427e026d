"""The Java client, taken from its jar, against the running stack."""

import os
from pathlib import Path

import pytest

from tests.sdks.conftest import Run
from tests.support.clients.examples import EXAMPLE_SHOWS, PAGE_SHOWS, assert_shows, code_of
from tools.sdk import java
from tools.sdk.toolchains import JAVA_JARS, JAVA_TEST_JARS


@pytest.fixture(scope="module")
def libraries() -> list[Path]:
    """The jar, and the libraries of Debian that its pom names."""
    return [java.build(), *JAVA_JARS, *JAVA_TEST_JARS]


def launched(run: Run, out: Path, libraries: list[Path], *program: str) -> str:
    return run(["java", "-cp", os.pathsep.join(map(str, [out, *libraries])), *program], out)


def test_the_client_passes_its_own_tests(run: Run, libraries: list[Path], tmp_path: Path) -> None:
    java.compile_into(tmp_path, sorted((java.FOLDER / "src" / "test").rglob("*.java")), libraries)
    assert "OK (" in launched(run, tmp_path, libraries, "org.junit.runner.JUnitCore", "com.megarouter.ClientTest")


def test_the_example_runs(run: Run, libraries: list[Path], tmp_path: Path) -> None:
    java.compile_into(tmp_path, [java.FOLDER / "examples" / "ApiKeys.java"], libraries)
    assert_shows(launched(run, tmp_path, libraries, "ApiKeys"), EXAMPLE_SHOWS)


def test_the_program_of_the_readme_runs(run: Run, libraries: list[Path], tmp_path: Path) -> None:
    program = tmp_path / "Readme.java"
    program.write_text(code_of(java.FOLDER / "README.md", "java"), encoding="utf-8")
    java.compile_into(tmp_path, [program], libraries)
    shown = launched(run, tmp_path, libraries, "Readme")
    assert_shows(shown, PAGE_SHOWS)
