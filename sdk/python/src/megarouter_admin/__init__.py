"""Client of the MegaRouter Enterprise admin API.

from megarouter_admin import MegaRouter, pages
from megarouter.admin.v1.messages import ListApiKeysRequest

with MegaRouter("https://admin.example.com", token) as router:
    for page in pages(router.api_keys.ListApiKeys, ListApiKeysRequest(parent="organizations/acme")):
        for key in page.api_keys:
            print(key.name, key.display_name)
"""

from megarouter_admin.async_client import AsyncMegaRouter
from megarouter_admin.client import MegaRouter
from megarouter_admin.errors import FieldViolation, MegaRouterError
from megarouter_admin.paging import async_pages, pages
from megarouter_admin.policy import CallPolicy

__all__ = ["AsyncMegaRouter", "CallPolicy", "FieldViolation", "MegaRouter", "MegaRouterError", "async_pages", "pages"]
