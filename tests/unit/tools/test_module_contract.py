"""The committed contract of Envoy's module equals the generator's output."""

import subprocess

from megarouter_envoy.module import find_compiler

from tools import module_contract
from tools.module_contract import CONTRACT_FILE, zig_contract


def test_the_committed_file_is_current() -> None:
    assert CONTRACT_FILE.read_text(encoding="utf-8") == zig_contract(), "run python -m tools.module_contract"


def test_the_generated_text_has_zigs_format() -> None:
    command = [str(find_compiler()), "fmt", "--stdin"]
    formatted = subprocess.run(command, input=zig_contract(), capture_output=True, text=True, check=True).stdout
    assert formatted == zig_contract()


def test_strings_survive_quotes_and_backslashes() -> None:
    assert module_contract._string('{"a":"\\u00e9"}') == '"{\\"a\\":\\"\\\\u00e9\\"}"'
