"""Runs one step of a program and prints what it returned or raised, as one line of JSON.

It runs in the environment of a client, so it imports nothing but the standard library and the program.
"""

import asyncio
import importlib
import inspect
import json
import sys


def main(program: str, step: str) -> None:
    outcome: dict[str, object]
    try:
        returned = getattr(importlib.import_module(program), step)()
        outcome = {"returned": asyncio.run(returned) if inspect.iscoroutine(returned) else returned}
    except Exception as error:  # noqa: BLE001 - whatever a client raises is the outcome
        names = [base.__name__ for base in type(error).__mro__]
        codes = [getattr(error, name, None) for name in ("status_code", "code", "status")]
        status = next((code for code in codes if isinstance(code, int)), None)
        outcome = {"raised": names, "status": status, "message": str(error)[:2_000]}
    sys.stdout.write("\n" + json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
