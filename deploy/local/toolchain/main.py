"""What `./dev` does before it runs a command: brings environments and generated code up to date."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.toolchain import environments, envoy_module, protobuf
from deploy.local.toolchain.lock import exclusive
from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import BootstrapError

DEVELOPER_COMMANDS = frozenset({"test", "lint", "protos", "sdk"})
BUILD_CONSOLE = ["console", "--build"]


def groups_of(arguments: Sequence[str]) -> frozenset[str]:
    """Returns the dependency groups that a command line needs."""
    developer = bool(arguments) and (arguments[0] in DEVELOPER_COMMANDS or list(arguments) == BUILD_CONSOLE)
    return environments.LOCAL | {"dev"} if developer else environments.LOCAL


def bring_up_to_date(repository: Repository, groups: frozenset[str]) -> None:
    """Brings environments and generated code up to date. Takes a few milliseconds if nothing has changed.

    Raises:
        BootstrapError: a step failed.
    """
    source = environments.environments_source(repository)
    if _is_current(repository, source, groups):
        return
    with exclusive(repository.tools / "lock"):
        # Each step checks again, because another ./dev may have done it meanwhile.
        if not environments.main_environment_is_current(repository, source, groups):
            environments.sync_main_environment(repository, source, groups)
        for tool in environments.TOOLS:
            if not environments.tool_is_current(repository, tool, source):
                environments.sync_tool(repository, tool, source)
        generated = protobuf.generated_source(repository, source)
        if not protobuf.generated_is_current(repository, generated):
            protobuf.generate(repository, generated)
        module = envoy_module.module_source(repository, source)
        if not envoy_module.module_is_current(repository, module):
            envoy_module.compile_module(repository, module)


def _is_current(repository: Repository, source: str, groups: frozenset[str]) -> bool:
    return (
        environments.main_environment_is_current(repository, source, groups)
        and all(environments.tool_is_current(repository, tool, source) for tool in environments.TOOLS)
        and protobuf.generated_is_current(repository, protobuf.generated_source(repository, source))
        and envoy_module.module_is_current(repository, envoy_module.module_source(repository, source))
    )


def main(root: Path) -> None:
    """Brings the checkout up to date and then replaces this process with the command."""
    arguments = sys.argv[1:]
    repository = Repository(root)
    try:
        bring_up_to_date(repository, groups_of(arguments))
    except BootstrapError as error:
        sys.exit(f"dev: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    # -P: the current directory may have its own `deploy`, for example in another checkout.
    command = [str(repository.python), "-P", "-m", "deploy.local", *arguments]
    os.execv(repository.python, command)  # noqa: S606 - no shell wanted
