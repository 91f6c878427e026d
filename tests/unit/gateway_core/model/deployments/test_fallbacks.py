"""The orders in which the deployments of a model are tried."""

from gateway_core.model.catalog.entries import Catalog, Deployment
from gateway_core.model.deployments.fallbacks import attempts_of, fallback_cluster, orders_of

PROVIDER = {
    "credential_env": "KEY",
    "credential_header": "authorization",
    "stream_options": True,
    "dialects": {"openai": "https://acme.example/v1", "anthropic": "https://acme.example/v1"},
    "credential_headers": {"anthropic": "x-api-key"},
}


def catalog(*providers: str, endpoints: tuple[str, ...] = ("chat_completions",)) -> Catalog:
    return Catalog.model_validate(
        {
            "providers": [{"name": name, "display_name": name, **PROVIDER} for name in sorted({"a", *providers})],
            "models": [
                {
                    "name": "large",
                    "endpoints": endpoints,
                    "context_window_tokens": 100,
                    "max_output_tokens": 10,
                    "default_output_reserve_tokens": 10,
                    "deployments": [
                        {"provider": name, "upstream_name": f"m{number}"}
                        for number, name in enumerate(providers or ("a",))
                    ],
                },
                {
                    "name": "plain",
                    "provider": "a",
                    "upstream_name": "plain",
                    "endpoints": ["chat_completions"],
                    "context_window_tokens": 100,
                    "max_output_tokens": 10,
                    "default_output_reserve_tokens": 10,
                },
            ],
        }
    )


def orders_in(of: Catalog) -> tuple[tuple[str, ...], ...]:
    return orders_of({provider.name: provider for provider in of.providers}, of.models)


def test_models_with_one_place_have_no_orders() -> None:
    assert orders_in(catalog()) == ()


def test_every_order_of_two_and_of_three_is_there() -> None:
    orders = orders_in(catalog("a", "b", "c"))
    assert len(orders) == len(set(orders)) == 12
    assert {("a", "b"), ("c", "a"), ("b", "c", "a")} <= set(orders)


def test_more_than_four_deployments_have_two_attempts() -> None:
    orders = orders_in(catalog("a", "b", "c", "d", "e"))
    assert {len(order) for order in orders} == {2}
    assert attempts_of([Deployment(provider="a", upstream_name=f"m{number}") for number in range(5)]) == 2


def test_two_deployments_at_one_account_are_an_order() -> None:
    assert orders_in(catalog("a", "a")) == (("a", "a"),)


def test_targets_are_those_of_each_dialect() -> None:
    orders = orders_in(catalog("a", "b", endpoints=("chat_completions", "messages")))
    assert ("a_anthropic", "b_anthropic") in orders
    assert fallback_cluster(("a_anthropic", "b_anthropic")) == "fallback-2.a_anthropic.b_anthropic"
