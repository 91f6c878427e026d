"""Generates and builds the clients in `sdk/`, and generates code for other languages."""

from tools.sdk.building import build, tests
from tools.sdk.languages import generate_language, languages
from tools.sdk.packages import build_clients
from tools.sdk.running import PACKAGES, PYTHON, SDK, TYPESCRIPT, ClientError, node_environment, npm, run

__all__ = (
    "PACKAGES",
    "PYTHON",
    "SDK",
    "TYPESCRIPT",
    "ClientError",
    "build",
    "build_clients",
    "generate_language",
    "languages",
    "node_environment",
    "npm",
    "run",
    "tests",
)
