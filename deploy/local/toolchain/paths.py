"""The paths of what the bootstrap reads and makes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """A checkout of the repository."""

    root: Path

    @property
    def environment(self) -> Path:
        """The virtual environment of the services, tools and tests."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The Python interpreter of the virtual environment."""
        return self.environment / "bin" / "python"

    @property
    def tools(self) -> Path:
        """The folder of environments that must not mix with the main one."""
        return self.root / ".tools"

    @property
    def uv_environment(self) -> Path:
        """The environment of a private uv, used if the machine has none."""
        return self.tools / "uv"

    @property
    def compiled_module(self) -> Path:
        """The folder of Envoy's compiled module, with one file for each version of its sources."""
        return self.tools / "envoy-module"

    @property
    def protos(self) -> Path:
        """The folder of the sources of the generated code."""
        return self.root / "protos"

    @property
    def proto_generator(self) -> Path:
        """The program that generates code from them."""
        return self.root / "tools" / "protos" / "generate.py"

    @property
    def generated(self) -> Path:
        """The folder of the generated code, which is never edited or committed."""
        return self.root / "gen"
