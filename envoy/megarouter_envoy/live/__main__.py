"""`python -m megarouter_envoy.live FOLDER`: renders one configuration for each line of its input, until the input ends.

A line is the JSON of `Wanted`. The answer is the JSON of `Rendered`, or `{"failed": "the reason"}`. It is started
by admin_service, which must not load these messages itself (docs/adr/0006), and stays, because loading them takes seconds.
"""

import json
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from megarouter_envoy.gateway.live_folder import LiveFolder
from megarouter_envoy.gateway.live_resources import OPTIONS
from megarouter_envoy.live.rendering import Wanted, render


def main() -> int:
    """Returns 0 when the input ends."""
    os.umask(0o077)
    folder = LiveFolder(Path(sys.argv[1]))
    for line in sys.stdin:
        sys.stdout.write(_answer(line, folder) + "\n")
        sys.stdout.flush()
    return 0


def _answer(line: str, folder: LiveFolder) -> str:
    try:
        options = OPTIONS.validate_json(folder.options_file.read_bytes())
        return json.dumps(render(options, Wanted.model_validate_json(line), folder)._asdict())
    except ValidationError as error:
        # Without the values, because a credential may be among them.
        return json.dumps({"failed": str([(one["loc"], one["msg"]) for one in error.errors(include_input=False)])})
    except (OSError, ValueError) as error:
        return json.dumps({"failed": str(error)})


if __name__ == "__main__":
    sys.exit(main())
