"""`python -m deploy.local`: the commands of `./dev`, once the environment is there."""

import sys

from deploy.local.cli.up import bring_up, quick_request
from deploy.local.stack.layout import LayoutError
from deploy.local.supervision.background import StackError


def main() -> None:
    """Runs the command of the command line."""
    request = quick_request(sys.argv[2:]) if sys.argv[1:2] == ["up"] else None
    if request is None:
        from deploy.local.cli.commands import application  # noqa: PLC0415 - an ordinary start does without

        application(prog_name="./dev")
    else:
        start, detach = request
        try:
            bring_up(start, detach=detach)
        except (LayoutError, StackError) as error:
            sys.exit(f"dev: {error}")
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
