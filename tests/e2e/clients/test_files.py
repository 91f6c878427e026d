"""The SDKs of OpenAI and Anthropic upload files through the gateway, name them, and delete them."""

import asyncio
from collections.abc import Awaitable, Callable

import anthropic
import asyncpg
import openai
import pytest

from tests.e2e.conftest import Witness
from tests.support.clients.sdk_calls import connect
from tests.support.data.tenants import Tenant, make_tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
CONTENT = b"The sea is deep. " * 100


async def test_openai_s_sdk_uploads_names_downloads_and_deletes_a_file(
    base_url: str, tenant: Tenant, settled: Settled
) -> None:
    sdk = connect(base_url, tenant.key).openai
    uploaded = await sdk.files.create(file=("sea.txt", CONTENT, "text/plain"), purpose="user_data")
    assert (uploaded.bytes, uploaded.purpose) == (len(CONTENT), "user_data")
    answer = await sdk.responses.create(
        model="gpt-5",
        max_output_tokens=40,
        input=[{"role": "user", "content": [{"type": "input_file", "file_id": uploaded.id}]}],
    )
    assert answer.output_text
    assert (await sdk.files.retrieve(uploaded.id)).filename == "sea.txt"
    assert (await sdk.files.content(uploaded.id)).content == CONTENT
    assert (await sdk.files.delete(uploaded.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.files.retrieve(uploaded.id)
    free, billed = sorted(await settled(2), key=lambda record: int(record["charge_nano_credits"]))
    assert (free["endpoint"], free["charge_nano_credits"]) == ("openai_files", 0)
    assert billed["charge_nano_credits"] > 0


async def test_anthropic_s_sdk_uploads_names_downloads_and_deletes_a_file(
    base_url: str, tenant: Tenant, settled: Settled
) -> None:
    sdk = connect(base_url, tenant.key).anthropic
    files = sdk.beta.files
    uploaded = await files.upload(file=("großes Meer.txt", CONTENT, "text/plain"))
    answer = await sdk.beta.messages.create(
        model="claude-haiku-4-5",
        max_tokens=40,
        betas=["files-api-2025-04-14"],
        messages=[
            {
                "role": "user",
                "content": [{"type": "document", "source": {"type": "file", "file_id": uploaded.id}}],
            }
        ],
    )
    assert answer.content
    assert (await files.retrieve_metadata(uploaded.id)).size_bytes == len(CONTENT)
    assert await (await files.download(uploaded.id)).read() == CONTENT
    assert (await files.delete(uploaded.id)).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        await files.retrieve_metadata(uploaded.id)
    await settled(2)


async def test_a_file_of_another_organization_does_not_exist(
    base_url: str, tenant: Tenant, database: asyncpg.Pool, pepper: bytes, witness: Witness
) -> None:
    other = await make_tenant(database, pepper)
    mine, theirs = (connect(base_url, key).openai for key in (tenant.key, other.key))
    uploaded = await mine.files.create(file=("sea.txt", CONTENT, "text/plain"), purpose="user_data")
    before = await witness.last_sequence()
    attempts: list[Awaitable[object]] = [
        theirs.files.retrieve(uploaded.id),
        theirs.files.content(uploaded.id),
        theirs.files.delete(uploaded.id),
        theirs.responses.create(
            model="gpt-5",
            max_output_tokens=40,
            input=[{"role": "user", "content": [{"type": "input_file", "file_id": uploaded.id}]}],
        ),
    ]
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        assert isinstance(outcome, openai.NotFoundError)
        assert outcome.code == "stored_object_not_found"
    assert await witness.calls_after(before) == []
    assert (await mine.files.retrieve(uploaded.id)).id == uploaded.id


async def test_neither_sdk_lists_files(base_url: str, tenant: Tenant) -> None:
    sdks = connect(base_url, tenant.key)
    with pytest.raises(openai.NotFoundError, match="files of all organizations"):
        await sdks.openai.files.list()
    with pytest.raises(anthropic.NotFoundError, match="files of all organizations"):
        await sdks.anthropic.beta.files.list()
