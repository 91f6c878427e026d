"""Client of the MegaRouter Enterprise admin API.

from megarouter_admin import MegaRouter, pages
from megarouter.admin.v1.messages import ListApiKeysRequest

with MegaRouter("https://admin.example.com", token) as router:
    for page in pages(router.api_keys.ListApiKeys, ListApiKeysRequest(parent="organizations/acme")):
        for key in page.api_keys:
            print(key.name, key.display_name)
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from megarouter_admin.async_client import AsyncMegaRouter
    from megarouter_admin.client import MegaRouter
    from megarouter_admin.errors import FieldViolation, MegaRouterError
    from megarouter_admin.paging import async_pages, pages
    from megarouter_admin.policy import CallPolicy

__all__ = ["AsyncMegaRouter", "CallPolicy", "FieldViolation", "MegaRouter", "MegaRouterError", "async_pages", "pages"]

_MODULES = {
    "AsyncMegaRouter": "async_client",
    "CallPolicy": "policy",
    "FieldViolation": "errors",
    "MegaRouter": "client",
    "MegaRouterError": "errors",
    "async_pages": "paging",
    "pages": "paging",
}


def __getattr__(name: str) -> object:
    """Imports a public name on first use.

    The help of the command line needs no client, and importing the client takes half of the program's start.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
