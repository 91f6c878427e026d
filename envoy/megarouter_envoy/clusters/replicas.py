"""What Envoy does when a replica of a service dies: it asks another one, and sends no more calls to the dead one."""

from envoy_data_plane.envoy.config.cluster import v3 as cluster
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts import v3 as previous_hosts
from envoy_data_plane.envoy.type import v3 as types

from megarouter_envoy.typed_config import pack, seconds

# A replica that died has answered nothing. A status, even UNAVAILABLE, is an answer, and asking again would double the load
# on a database that all replicas share.
_QUESTION_RETRIED_ON = "connect-failure,refused-stream,reset"
# A call of the admin API may have taken effect before its connection broke, so only what reached no handler is repeated. gRPC's
# server answers CANCELLED to a call that arrives after its stop began and before Envoy knows of it. No handler answers so.
_CALL_RETRIED_ON = "connect-failure,refused-stream,cancelled"
_RETRIES_MAX = 2
"""One for the replica that died while it was deciding, and one in case that the next one is dead too."""
_RETRY_PAUSE_S = 0.001
_RETRY_PAUSE_MAX_S = 0.01
_OTHER_HOST_ATTEMPTS = 5
_PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts"

HEALTH_INTERVAL_S = 0.5
HEALTH_TIMEOUT_S = 1.0
_FAILED_CHECKS = 2
"""A replica that is frozen, or starved of its processor, leaves the cluster after 2.5 s."""
_FAILED_CALLS = 100
"""A replica that breaks or refuses as many connections in a row is avoided from the next call on. A question that another replica
was asked too counts as broken until the next one begins, so fewer would avoid replicas that are only busy: with 5, all of them at
saturation, several times a second, and Envoy closed their connections."""
_EJECTION_S = 1.0
_ALL = 100

_SECOND_AFTER_MS = 50
"""Ten times what a decision takes on a busy machine. Fewer than one question in a hundred is repeated without need."""
_REPEATED_PERCENT = 75
"""Of the questions under way. When one of two replicas dies, half of them are repeated at once."""
_REPEATED_ANYWAY = 64


def ask_another() -> route.RetryPolicy:
    """Returns the policy for a question to a service: if the replica dies, another one is asked within the same timeout.

    The question must be idempotent, because the dead replica may have done its work: see `authz_service.holds.hold_ids`.

    It belongs to the cluster: Envoy parses the retry policy of a gRPC service for every question, which costs a call 8 % of
    Envoy's work.
    """
    return _retried_on(_QUESTION_RETRIED_ON)


def ask_a_second_too(replicas: int) -> dict[str, str]:
    """Returns the headers of a question that make Envoy ask another replica too if the first one does not answer soon.

    Envoy takes the first answer, so a replica that is frozen costs a question this much, and one that has reason to be slow, such
    as a call that waits for the end of another, may still answer. What the others did for the question they take back
    themselves: see `Admissions.place`. A lone replica is asked only once.
    """
    if replicas == 1:
        return {}
    return {"x-envoy-upstream-rq-per-try-timeout-ms": str(_SECOND_AFTER_MS), "x-envoy-hedge-on-per-try-timeout": "true"}


def bounded_retries(questions_max: int) -> cluster.CircuitBreakers:
    """Returns the limits of a service to which questions are repeated: concurrent questions, and how many of them are repeated.

    If all replicas are slow, repeating every question would make them slower.
    """
    return cluster.CircuitBreakers(
        thresholds=[
            cluster.CircuitBreakersThresholds(
                max_connections=questions_max,
                max_pending_requests=questions_max,
                max_requests=questions_max,
                retry_budget=cluster.CircuitBreakersThresholdsRetryBudget(
                    budget_percent=types.Percent(value=_REPEATED_PERCENT), min_retry_concurrency=_REPEATED_ANYWAY
                ),
            )
        ]
    )


def call_another() -> route.RetryPolicy:
    """Returns the policy for a call that must not be repeated: only a call that no handler has received is sent again.

    It belongs to the cluster, so it holds for the questions of the module too.
    """
    return _retried_on(_CALL_RETRIED_ON)


def _retried_on(causes: str) -> route.RetryPolicy:
    return route.RetryPolicy(
        retry_on=causes,
        num_retries=_RETRIES_MAX,
        retry_back_off=route.RetryPolicyRetryBackOff(
            base_interval=seconds(_RETRY_PAUSE_S), max_interval=seconds(_RETRY_PAUSE_MAX_S)
        ),
        retry_host_predicate=[
            route.RetryPolicyRetryHostPredicate(
                name=_PREVIOUS_HOSTS, typed_config=pack(previous_hosts.PreviousHostsPredicate())
            )
        ],
        host_selection_retry_max_attempts=_OTHER_HOST_ATTEMPTS,
    )


def health_checks() -> list[core.HealthCheck]:
    """Returns the gRPC health check of every replica. A failed one ends as soon as the replica answers again."""
    return [
        core.HealthCheck(
            timeout=seconds(HEALTH_TIMEOUT_S),
            interval=seconds(HEALTH_INTERVAL_S),
            no_traffic_interval=seconds(HEALTH_INTERVAL_S),
            unhealthy_threshold=_FAILED_CHECKS,
            healthy_threshold=1,
            grpc_health_check=core.HealthCheckGrpcHealthCheck(),
        )
    ]


def avoid_broken_replicas() -> cluster.OutlierDetection:
    """Returns the rule that avoids a replica before its next health check. That check readmits it.

    Only broken connections count. An error status says nothing about one replica: all of them need the same databases.
    """
    return cluster.OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=_FAILED_CALLS,
        enforcing_consecutive_local_origin_failure=_ALL,
        enforcing_local_origin_success_rate=0,
        enforcing_consecutive_5xx=0,
        enforcing_consecutive_gateway_failure=0,
        enforcing_success_rate=0,
        interval=seconds(HEALTH_INTERVAL_S),
        base_ejection_time=seconds(_EJECTION_S),
        max_ejection_time=seconds(_EJECTION_S),
        max_ejection_percent=_ALL,
    )


def use_any_if_all_fail() -> cluster.ClusterCommonLbConfig:
    """Returns the rule that one good replica gets all calls. If none is good, all are tried."""
    return cluster.ClusterCommonLbConfig(healthy_panic_threshold=types.Percent(value=1))
