"""Reads the files of the web console. It needs none of Envoy's messages, so a start that changes nothing does not load them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from megarouter_envoy.options import Console, ConsoleAsset, IdentityProvider

ASSET_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Content types of assets by suffix. A build with any other kind of file is refused."""
PAGE_FILE: Final = "index.html.gz"
_COMPRESSED: Final = ".gz"


class ConsoleNotBuiltError(Exception):
    """The build is incomplete, or has a file that cannot be served. The message says what to do."""


def read_console(folder: Path, model_url: str, identity_providers: Iterable[IdentityProvider]) -> Console:
    """Returns a build with its files.

    Args:
        folder: of the build.
        model_url: where models are called, without a path.
        identity_providers: where people may sign in.

    Raises:
        ConsoleNotBuiltError: the page is missing, or an asset has an unknown kind.
    """
    page = folder / PAGE_FILE
    assets = {file.name.removesuffix(_COMPRESSED): file for file in sorted((folder / "assets").glob("*"))}
    unknown = [name for name in assets if Path(name).suffix not in ASSET_TYPES]
    if not page.is_file() or unknown:
        what = f"has files of an unknown kind: {', '.join(unknown)}" if unknown else "has no page"
        raise ConsoleNotBuiltError(f"{folder} {what}. Run ./dev console --build")
    read = tuple(ConsoleAsset(name, file.read_bytes()) for name, file in assets.items())
    issuers = dict.fromkeys(_origin(provider.issuer) for provider in identity_providers)
    return Console(page.read_bytes(), read, model_url, tuple(issuers))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
