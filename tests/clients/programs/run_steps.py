"""Runs steps of a program and prints what each returned or raised, as one line of JSON.

Standard input has the name of the program and the steps, each with the environment variables that it needs. This module runs in the
environment of a client, so it imports nothing but the standard library and the program.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys


def run_step(program: str, step: str, variables: dict[str, str]) -> dict[str, object]:
    os.environ.pop("MEGAROUTER_MODEL", None)
    os.environ.update(variables)
    sys.modules.pop(program, None)  # the program reads the variables when it is imported
    try:
        returned = getattr(importlib.import_module(program), step)()
        return {"returned": asyncio.run(returned) if inspect.iscoroutine(returned) else returned}
    except Exception as error:  # noqa: BLE001 - whatever a client raises is the outcome
        names = [base.__name__ for base in type(error).__mro__]
        codes = [getattr(error, name, None) for name in ("status_code", "code", "status")]
        status = next((code for code in codes if isinstance(code, int)), None)
        return {"raised": names, "status": status, "message": f"{step}: {error}"[:2_000]}


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    outcomes = [run_step(wanted["program"], step, variables) for step, variables in wanted["steps"]]
    sys.stdout.write("\n" + json.dumps(outcomes) + "\n")
