"""Where the repository keeps what the bootstrap makes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """A checkout."""

    root: Path

    @property
    def environment(self) -> Path:
        """The virtual environment of the services, tools and tests."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of that environment."""
        return self.environment / "bin" / "python"

    @property
    def tools(self) -> Path:
        """Environments that must not mix with the main one."""
        return self.root / ".tools"

    @property
    def uv_environment(self) -> Path:
        """A private uv, used where the machine has none."""
        return self.tools / "uv"

    @property
    def compiled_module(self) -> Path:
        """Envoy's module, one file for each state of its sources."""
        return self.tools / "envoy-module"

    @property
    def protos(self) -> Path:
        """The sources of the generated code."""
        return self.root / "protos"

    @property
    def proto_generator(self) -> Path:
        """The program that turns them into code."""
        return self.root / "tools" / "protos" / "generate.py"

    @property
    def generated(self) -> Path:
        """The generated code; never edited, never committed."""
        return self.root / "gen"
