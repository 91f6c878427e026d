"""Compares whitelists with the literal meaning of their entries, over generated names."""

from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.limits.model_whitelists import is_subset, parse_whitelist

SEGMENTS = st.text("ab", min_size=1, max_size=2)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
PROVIDERS = st.sampled_from(["a", "b", "ab"])
ENTRIES = st.one_of(NAMES, NAMES.map("{}/*".format), PROVIDERS.map("provider:{}".format))
LISTS = st.lists(ENTRIES, max_size=5)


def plainly_allows(entries: list[str], model: str, provider: str) -> bool:
    qualified = f"{provider}/{model}"
    return any(
        entry in {model, qualified, f"provider:{provider}"}
        or (
            entry.endswith("/*")
            and any(lies_below(name.split("/"), entry.split("/")[:-1]) for name in (model, qualified))
        )
        for entry in entries
    )


def lies_below(segments: list[str], prefix: list[str]) -> bool:
    return len(segments) > len(prefix) and segments[: len(prefix)] == prefix


@given(LISTS, NAMES, PROVIDERS)
def test_a_whitelist_allows_the_models_that_an_entry_names(entries: list[str], model: str, provider: str) -> None:
    assert parse_whitelist(entries).allows(model, provider) == plainly_allows(entries, model, provider)


@given(LISTS, LISTS, NAMES, PROVIDERS)
def test_a_subset_allows_no_model_beyond_its_parent(
    child: list[str], parent: list[str], model: str, provider: str
) -> None:
    small, large = parse_whitelist(child), parse_whitelist(parent)
    if is_subset(small, large):
        assert large.allows(model, provider) or not small.allows(model, provider)


@given(LISTS, LISTS)
def test_a_list_that_is_not_a_subset_allows_a_model_beyond_the_parent(child: list[str], parent: list[str]) -> None:
    """The check is exact, not only safe: a model with a new name and a new provider proves the difference."""
    small, large = parse_whitelist(child), parse_whitelist(parent)
    if not is_subset(small, large):
        witnesses = (
            [("never-named", provider) for provider in small.providers]
            + [(name, "unknown") for name in small.names]
            + [(f"{prefix}never-named", "unknown") for prefix in small.prefixes]
        )
        assert any(small.allows(*witness) and not large.allows(*witness) for witness in witnesses)


@given(LISTS)
def test_every_list_is_a_subset_of_itself(entries: list[str]) -> None:
    assert is_subset(parse_whitelist(entries), parse_whitelist(entries))


@given(LISTS, LISTS, st.dictionaries(NAMES, PROVIDERS, max_size=8))
def test_a_subset_by_the_catalog_allows_no_model_on_offer_beyond_its_parent(
    child: list[str], parent: list[str], offered: dict[str, str]
) -> None:
    small, large = parse_whitelist(child), parse_whitelist(parent)
    if is_subset(small, large, offered):
        for model, provider in offered.items():
            assert large.allows(model, provider) or not small.allows(model, provider)


@given(LISTS, LISTS, st.dictionaries(NAMES, PROVIDERS, max_size=8))
def test_the_catalog_makes_no_subset_of_less(child: list[str], parent: list[str], offered: dict[str, str]) -> None:
    small, large = parse_whitelist(child), parse_whitelist(parent)
    assert is_subset(small, large, offered) or not is_subset(small, large)
