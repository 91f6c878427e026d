"""The generated clients, installed from their packages alone, against the running stack."""

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.local.stack.layout import REPOSITORY
from deploy.local.supervision.embedded_stack import Stack
from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.uv import obtain_uv
from tests.support.clients.examples import EXAMPLE_SHOWS, PAGE_SHOWS, assert_shows, code_of
from tests.support.servers.certificates import Authority
from tests.support.servers.tls_server import running_tls_server
from tools import sdk as clients

PAGE = REPOSITORY / "docs" / "guides" / "sdks.md"
pytestmark = pytest.mark.timeout(300)  # npm and uv download packages that are not cached yet


@pytest.fixture(scope="module")
def python(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python interpreter with only the wheel and its dependencies installed."""
    environment = tmp_path_factory.mktemp("python-client") / "venv"
    uv = str(obtain_uv(Repository(REPOSITORY)))
    clients.run([uv, "venv", "--quiet", str(environment)], os.environ)
    install = [uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    clients.run([*install, str(packages[".whl"])], os.environ)
    return environment / "bin" / "python"


def run(stack: Stack, command: list[str], directory: Path) -> str:
    environment = {**clients.node_environment(), **stack.environment}
    result = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_guide_names_the_packages_that_are_built(packages: dict[str, Path]) -> None:
    named = set(re.findall(r"sdk/dist/\S+\.(?:whl|tgz)", PAGE.read_text(encoding="utf-8")))
    assert named == {package.relative_to(REPOSITORY).as_posix() for package in packages.values()}


def test_the_python_example_runs(stack: Stack, python: Path) -> None:
    example = clients.PYTHON / "examples" / "api_keys.py"
    assert_shows(run(stack, [str(python), "-I", str(example)], python.parent), EXAMPLE_SHOWS)


def test_the_python_of_the_guide_runs(stack: Stack, python: Path) -> None:
    assert_shows(run(stack, [str(python), "-I", "-c", code_of(PAGE, "python")], python.parent), PAGE_SHOWS)


def test_the_python_of_the_readme_runs(stack: Stack, python: Path) -> None:
    code = code_of(clients.PYTHON / "README.md", "python")
    assert_shows(run(stack, [str(python), "-I", "-c", code], python.parent), PAGE_SHOWS[2:])


def test_the_typescript_of_the_readme_runs(stack: Stack, node_project: Path) -> None:
    code = code_of(clients.TYPESCRIPT / "README.md", "typescript")
    (node_project / "readme.ts").write_text(code, encoding="utf-8")
    assert_shows(run(stack, ["node", "readme.ts"], node_project), PAGE_SHOWS[2:])


@pytest.mark.parametrize("protocol", ["grpc", "web"])
def test_the_typescript_example_runs_with_grpc_and_with_grpc_web(
    stack: Stack, node_project: Path, protocol: str
) -> None:
    shutil.copy(clients.TYPESCRIPT / "examples" / "api_keys.ts", node_project)
    assert_shows(run(stack, ["node", "api_keys.ts", protocol], node_project), EXAMPLE_SHOWS)


@pytest.mark.parametrize("protocol", ["node", "web"])
def test_the_typescript_of_the_guide_runs(stack: Stack, node_project: Path, protocol: str) -> None:
    code = code_of(PAGE, "typescript").replace('"@megarouter/admin/node"', f'"@megarouter/admin/{protocol}"')
    (node_project / "page.ts").write_text(code, encoding="utf-8")
    shown = (PAGE_SHOWS[0], r"FIELD_INVALID.*(amount_nano_credits|amountNanoCredits)", PAGE_SHOWS[2])
    assert_shows(run(stack, ["node", "page.ts"], node_project), shown)


def test_the_typescript_client_trusts_a_private_authority(stack: Stack, node_project: Path, tmp_path: Path) -> None:
    private = Authority("private", tmp_path)
    program = node_project / "private.ts"
    program.write_text(code_of(PAGE, "typescript"), encoding="utf-8")
    with running_tls_server(private.issue("localhost", tmp_path / "served"), stack.ports.admin, ("h2",)) as port:
        environment = {
            **clients.node_environment(), **stack.environment, "MEGAROUTER_ADMIN_URL": f"https://localhost:{port}",
        }  # fmt: skip
        trusting = {**environment, "NODE_EXTRA_CA_CERTS": str(private.file)}
        assert_shows(clients.run(["node", str(program)], trusting, node_project), PAGE_SHOWS[2:])
        with pytest.raises(clients.ClientError, match="certificate"):
            clients.run(["node", str(program)], environment, node_project)


def test_the_web_client_imports_no_code_for_node(packages: dict[str, Path]) -> None:
    with tarfile.open(packages[".tgz"]) as archive:
        names = [name for name in archive.getnames() if name.endswith(".js")]
        for name in names:
            file = archive.extractfile(name)
            assert file is not None
            imports = re.findall(r'from "([^".][^"]*)"', file.read().decode())
            if not name.endswith("/node.js"):
                assert not [module for module in imports if "node" in module], name
    assert "package/dist/src/web.js" in names


def test_the_typescript_client_passes_its_own_tests(packages: dict[str, Path]) -> None:
    output = clients.run([*clients.npm(), "test"], clients.node_environment(), clients.TYPESCRIPT)
    assert re.search(r"pass [1-9]", output)
    assert re.search(r"fail 0", output)
