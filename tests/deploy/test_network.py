"""How the parts of the chart find each other: ports, selectors, policies, monitoring."""

from typing import Any

import pytest

from tests.support.checkout.observability_names import alert_rules
from tests.support.deploying.manifests import VALUES, Manifest, containers, of_kind, pods, render, rendered

every_set = pytest.mark.parametrize("name", VALUES)


def ports_of(pod: Manifest) -> dict[str, int]:
    ports = [port for container in containers(pod) for port in container.get("ports", [])]
    found = {port["name"]: port["containerPort"] for port in ports}
    assert len(found) == len(ports) == len(set(found.values()))
    return found


def selected(name: str, labels: dict[str, Any]) -> list[Manifest]:
    return [pod for pod in pods(rendered(name)) if labels.items() <= pod["metadata"]["labels"].items()]


@every_set
def test_each_port_of_a_service_is_one_of_its_pods(name: str) -> None:
    for service in of_kind(rendered(name), "Service"):
        [pod] = selected(name, service["spec"]["selector"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports_of(pod).keys()
        if service["spec"].get("clusterIP") == "None":
            ports = {port["targetPort"]: port["port"] for port in service["spec"]["ports"]}
            assert ports.items() <= ports_of(pod).items()


@every_set
def test_every_selector_selects_one_workload(name: str) -> None:
    manifests = rendered(name)
    for manifest in of_kind(manifests, "PodDisruptionBudget", "Deployment", "StatefulSet"):
        assert len(selected(name, manifest["spec"]["selector"]["matchLabels"])) == 1, manifest["metadata"]["name"]
    for manifest in of_kind(manifests, "NetworkPolicy"):
        assert len(selected(name, manifest["spec"]["podSelector"]["matchLabels"])) == 1


@every_set
def test_an_autoscaler_scales_a_workload_that_exists(name: str) -> None:
    workloads = {(one["kind"], one["metadata"]["name"]) for one in of_kind(rendered(name), "Deployment", "StatefulSet")}
    for scaler in of_kind(rendered(name), "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in workloads


@pytest.mark.parametrize("name", [name for name in VALUES if name != "minimal"])
def test_several_pods_of_each_kind_survive_a_drained_node(name: str) -> None:
    for budget in of_kind(rendered(name), "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1
    for scaler in of_kind(rendered(name), "HorizontalPodAutoscaler"):
        assert scaler["spec"]["minReplicas"] > 1


@pytest.mark.parametrize("name", ["production", "network-policies", "external-databases", "redis-cluster"])
def test_a_policy_names_what_each_pod_may_reach(name: str) -> None:
    policies = {
        one["metadata"]["name"].rpartition("-")[2]: one["spec"] for one in of_kind(rendered(name), "NetworkPolicy")
    }
    assert policies.keys() == {"gateway", "notification", "migration"}
    for policy in policies.values():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        for rule in policy["egress"]:
            assert rule["ports"]
    assert policies["migration"]["ingress"] == []
    reached = {port["port"] for rule in policies["notification"]["egress"] for port in rule["ports"]}
    assert 6379 not in reached


def test_metrics_are_scraped_under_the_names_that_the_alert_rules_know() -> None:
    manifests = rendered("production")
    [monitor] = of_kind(manifests, "ServiceMonitor")
    offered = {port["name"] for service in of_kind(manifests, "Service") for port in service["spec"]["ports"]}
    endpoints = monitor["spec"]["endpoints"]
    assert {endpoint["port"] for endpoint in endpoints} == offered - {"model", "admin"}
    jobs = {endpoint["relabelings"][0]["replacement"] for endpoint in endpoints}
    [down] = [rule for rule in alert_rules() if rule["alert"] == "ServiceDown"]
    assert all(job in down["expr"] for job in jobs - {"envoy", "token_service"})


def test_the_alert_rules_are_those_of_the_repository() -> None:
    [rules] = of_kind(rendered("production"), "PrometheusRule")
    shipped = [rule["alert"] for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert shipped == [rule["alert"] for rule in alert_rules()]


def test_alerts_link_to_the_runbooks_where_the_values_say() -> None:
    place = "https://git.example/megarouter/"
    manifests = render(VALUES["production"], f"monitoring.prometheusRule.runbooks={place}").manifests
    [rules] = of_kind(manifests, "PrometheusRule")
    links = [rule["annotations"]["runbook_url"] for rule in rules["spec"]["groups"][0]["rules"]]
    assert all(link.startswith(f"{place}docs/guides/runbooks.md#") for link in links)


def test_routes_and_ingresses_lead_to_the_two_doors() -> None:
    routes = of_kind(rendered("network-policies"), "HTTPRoute")
    assert [route["spec"]["rules"][0]["backendRefs"][0]["name"] for route in routes] == [
        "megarouter-model",
        "megarouter-admin",
    ]
    ingresses = of_kind(render(VALUES["region"], "ingress.enabled=true").manifests, "Ingress")
    assert [one["spec"]["rules"][0]["host"] for one in ingresses] == ["eu.ai.acme.example", "eu.ai-admin.acme.example"]


@pytest.mark.parametrize("component", ["gateway", "notification"])
def test_a_budget_of_disruption_has_the_one_field_that_the_values_set(component: str) -> None:
    """Kubernetes refuses a budget with both fields. `minAvailable` in the values comes beside the default of the other."""
    setting = f"{component}.disruptionBudget.minAvailable=2"
    budgets = of_kind(render(VALUES["production"], setting).manifests, "PodDisruptionBudget")
    [budget] = [one["spec"] for one in budgets if one["metadata"]["name"].endswith(component)]
    assert budget["minAvailable"] == 2
    assert "maxUnavailable" not in budget
