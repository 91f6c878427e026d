"""Finds Envoy's module, and compiles it if its sources have changed."""

import hashlib
import os
import platform
import subprocess
import tempfile
from pathlib import Path

MODULE_SETTING = "MEGAROUTER_ENVOY_MODULE"
REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = REPOSITORY / "envoy" / "module"
COMPILED = ".tools/envoy-module"
COMPILER = ".tools/zig/lib/python3*/site-packages/ziglang/zig"
COMPILER_CACHE = ".tools/zig-cache"
COMPILATION_TIMEOUT_S = 300

# ReleaseSafe keeps every bounds check. The target is the oldest C library that the Envoy binary runs with.
OPTIONS = ("-dynamic", "-OReleaseSafe", "-lc", "-fstrip", "-target", f"{platform.machine()}-linux-gnu.2.17")


class ModuleNotBuiltError(RuntimeError):
    """There is no module, and it cannot be compiled. The message gives the reason."""


def find_module() -> Path:
    """Returns the module: the one that MEGAROUTER_ENVOY_MODULE names, or one compiled from the sources in the
    repository.

    It is compiled once for all processes, because its name contains a hash of its inputs.

    Raises:
        ModuleNotBuiltError: there is no module, and it cannot be compiled.
    """
    setting = os.environ.get(MODULE_SETTING)
    if setting:
        if not Path(setting).is_file():
            raise ModuleNotBuiltError(f"no Envoy module at {setting}, which {MODULE_SETTING} names")
        return Path(setting).absolute()
    compiler = find_compiler()
    module = REPOSITORY / COMPILED / f"libmegarouter-{_fingerprint(compiler)}.so"
    if not module.exists():
        _compile(compiler, module)
    return module


def find_compiler() -> Path:
    """Returns the executable of the locked compiler.

    Raises:
        ModuleNotBuiltError: `./dev` has not installed it.
    """
    for candidate in sorted(REPOSITORY.glob(COMPILER)):
        return candidate
    expected = REPOSITORY / COMPILER
    raise ModuleNotBuiltError(f"no compiler at {expected}: run ./dev, or set {MODULE_SETTING} to a compiled module")


def _fingerprint(compiler: Path) -> str:
    """Returns a hash of the sources, the options and the compiler's version, which the name of its package's folder contains."""
    digest = hashlib.sha256()
    versions = sorted(path.name for path in compiler.parent.parent.glob("ziglang-*.dist-info"))
    for fact in (*OPTIONS, *versions):
        digest.update(f"{fact}\0".encode())
    for source in sorted((*SOURCES.glob("*.zig"), *SOURCES.glob("*.bin"))):
        digest.update(f"{source.name}\0".encode() + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _compile(compiler: Path, module: Path) -> None:
    """Compiles in a temporary folder and renames the result, so that another process sees the whole module or none."""
    module.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=module.parent) as folder:
        result = Path(folder) / module.name
        # Parts that come with the compiler are compiled once and cached.
        caches = ["--cache-dir", f"{folder}/cache", "--global-cache-dir", str(REPOSITORY / COMPILER_CACHE)]
        command = [str(compiler), "build-lib", *OPTIONS, *caches, f"-femit-bin={result}", str(SOURCES / "module.zig")]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=COMPILATION_TIMEOUT_S, cwd=folder, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModuleNotBuiltError(f"the Envoy module could not be compiled: {error}") from error
        if done.returncode != 0:
            raise ModuleNotBuiltError(f"the Envoy module could not be compiled:\n{done.stderr.strip()}")
        result.replace(module)
