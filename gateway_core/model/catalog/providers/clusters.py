"""The names of Envoy's clusters of a target. authz_service chooses a cluster for each call, and `megarouter_envoy` makes them."""


def provider_cluster(target: str) -> str:
    """Returns the name of the cluster that reaches a target with the gateway's credential."""
    return f"provider-{target}"


def own_key_cluster(target: str) -> str:
    """Returns the name of the cluster that reaches a target with a key of the caller's organization."""
    return f"ownkey-{target}"
