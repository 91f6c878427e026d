"""Command line of this package: `python -m megarouter_envoy` writes one bootstrap from options in JSON."""

import argparse
import sys
from pathlib import Path

from pydantic import TypeAdapter

from megarouter_envoy.binary import BinaryNotFoundError, InvalidBootstrapError, validate
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.secret_sources import write_secret_sources
from megarouter_envoy.listeners.tls import write_secrets
from megarouter_envoy.module import ModuleNotBuiltError
from megarouter_envoy.options import BootstrapOptions


def main(arguments: list[str] | None = None) -> int:
    """Returns exit status 0 if it wrote the bootstrap and, with `--validate`, Envoy accepted it."""
    parser = argparse.ArgumentParser(prog="python -m megarouter_envoy", description="Writes Envoy's bootstrap.")
    parser.add_argument("options", type=Path, help="JSON file with the fields of BootstrapOptions")
    parser.add_argument("output", type=Path, help="where to write the bootstrap")
    parser.add_argument("--validate", action="store_true", help="have the Envoy binary check it")
    chosen = parser.parse_args(arguments)
    try:
        options = TypeAdapter(BootstrapOptions).validate_json(chosen.options.read_bytes())
        text = build_bootstrap(options)
        write_secret_sources(options)
        if options.tls is not None:
            write_secrets(options.tls)
        chosen.output.write_text(text)
        if chosen.validate:
            validate(chosen.output)
    except (OSError, ValueError, BinaryNotFoundError, InvalidBootstrapError, ModuleNotBuiltError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
