"""Flags of features in test: those of the catalog go on, the others are removed and named."""

from typing import Any

import pytest

from authz_service.request.betas import Betas, read_betas
from authz_service.request.call import Call
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.endpoints import Dialect
from tests.support.data.examples import provider

PROVIDER = Provider.model_validate(
    {**provider("acme", stream_options=True), "betas": ["known-1", "known-2", "responses=v1"]}
)


def betas(*headers: tuple[str, str], dialect: Dialect = Dialect.ANTHROPIC) -> Betas | None:
    call = Call("POST", "/", tuple((name, value.encode("latin-1")) for name, value in headers), 1)
    return read_betas(call, dialect, PROVIDER)


def test_listed_flags_go_on_and_others_are_named() -> None:
    expected = Betas("anthropic-beta", "known-2,known-1", ("fast-mode-2026-02-01", "x"))
    assert betas(("anthropic-beta", "known-2, fast-mode-2026-02-01 ,known-1,x,known-2")) == expected
    assert betas(("anthropic-beta", "known-2,fast-mode-2026-02-01"), ("anthropic-beta", "known-1,x")) == expected


def test_a_call_without_flags_has_none() -> None:
    assert betas() is None
    assert betas(("anthropic-beta", " , ")) is None


@pytest.mark.parametrize("dialect", Dialect)
def test_only_the_header_of_the_dialect_is_read(dialect: Dialect) -> None:
    found = betas(("anthropic-beta", "known-1"), ("openai-beta", "responses=v1"), dialect=dialect)
    expected: dict[Dialect, Any] = {
        Dialect.ANTHROPIC: Betas("anthropic-beta", "known-1", ()),
        Dialect.OPENAI: Betas("openai-beta", "responses=v1", ()),
        Dialect.GEMINI: None,
    }
    assert found == expected[dialect]


def test_what_cannot_be_shown_in_a_header_is_not_shown() -> None:
    assert betas(("anthropic-beta", 'a\xe9,"b",<c>,' + "d" * 129)) == Betas("anthropic-beta", "", ("?",))


def test_at_most_32_flags_are_named() -> None:
    found = betas(("anthropic-beta", ",".join(f"flag-{number}" for number in range(100))))
    assert found is not None
    assert len(found.removed) == 32
