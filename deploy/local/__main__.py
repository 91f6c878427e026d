"""`python -m deploy.local`: the commands of `./dev`. `deploy.local.toolchain` has already made the environment."""

import sys

from deploy.local.cli.up import bring_up, quick_specification
from deploy.local.stack.layout import LayoutError
from deploy.local.supervision.errors import StackError


def main() -> None:
    """Runs the command that the command line names."""
    try:
        quick = quick_specification(sys.argv[2:]) if sys.argv[1:2] == ["up"] else None
        if quick is not None:
            specification, detach = quick
            bring_up(specification, detach=detach)
            return
    except (LayoutError, StackError) as error:
        sys.exit(f"dev: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    from deploy.local.cli.commands import application  # noqa: PLC0415 - an ordinary `up` does not need it

    application(prog_name="./dev")


if __name__ == "__main__":
    main()
