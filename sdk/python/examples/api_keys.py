"""Lists an organization's API keys, disables one, enables it again, and shows what an error looks like.

Needs MEGAROUTER_ADMIN_URL, MEGAROUTER_ADMIN_TOKEN and MEGAROUTER_ORGANIZATION: `./dev up` writes them to .run/env.
"""

import os

from megarouter.admin.v1.messages import (
    ApiKey,
    DisableApiKeyRequest,
    EnableApiKeyRequest,
    GetApiKeyRequest,
    ListApiKeysRequest,
)
from megarouter_admin import MegaRouter, MegaRouterError, pages

organization = os.environ["MEGAROUTER_ORGANIZATION"]

with MegaRouter.from_environment() as router:
    keys = [
        key
        for page in pages(router.api_keys.ListApiKeys, ListApiKeysRequest(parent=organization, page_size=2))
        for key in page.api_keys
    ]
    for key in keys:
        print(f"{key.name}  {key.obfuscated_key}  {ApiKey.State.Name(key.state)}  {key.display_name}")

    active = next(key for key in keys if key.state == ApiKey.STATE_ACTIVE)
    disabled = router.api_keys.DisableApiKey(DisableApiKeyRequest(name=active.name, etag=active.etag))
    print("disabled", disabled.name)
    enabled = router.api_keys.EnableApiKey(EnableApiKeyRequest(name=active.name, etag=disabled.etag))
    print("enabled", enabled.name)

    try:
        router.api_keys.GetApiKey(GetApiKeyRequest(name=f"{organization}/apiKeys/unknown"))
    except MegaRouterError as error:
        print(f"refused: {error.reason}, needs {error.metadata['permission']}")
