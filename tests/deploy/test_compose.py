"""The compose file for one server: valid, complete, and with the same images and settings as the chart."""

import copy
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from megarouter_envoy.gateway.container import KNOWN

from gateway_core.runtime.settings import SETTINGS_BY_SERVICE, load_settings
from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS
from tests.support.checkout.observability_names import alert_rules
from tests.support.deploying.compose import FOLDER, UnsetVariableError, composed, problems_of
from tests.support.deploying.manifests import containers, pods, rendered, variables

SECRETS = {
    "POSTGRES_PASSWORD": "p",
    "REDIS_PASSWORD": "p",
    "GRAFANA_PASSWORD": "p",
    **dict.fromkeys((OWNER_URL, *SERVICE_URLS.values()), "postgresql://user:password@postgres/megarouter"),
    "MEGAROUTER_REDIS_URL": "redis://:p@redis:6379/0",
    **{f"MEGAROUTER_{name}": "ab" * 32 for name in ("HOLD_SIGNING_KEY", "KEY_PEPPER", "EDGE_SECRET", "CHANNEL_KEY")},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return composed(SECRETS)


BACKUPS = {"BACKUP_FOLDER": "/mnt/backups/megarouter"}


def set_variables(service: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in service.get("environment", {}).items() if value}


def test_the_file_follows_the_specification(document: dict[str, Any]) -> None:
    assert problems_of(document) == ""


def test_a_misspelled_field_is_a_fault(document: dict[str, Any]) -> None:
    wrong = copy.deepcopy(document)
    wrong["services"]["envoy"]["restarts"] = "always"
    assert "restarts" in problems_of(wrong)


def test_every_process_starts_with_the_settings_that_it_gets(document: dict[str, Any]) -> None:
    for name, settings in SETTINGS_BY_SERVICE.items():
        load_settings(settings, set_variables(document["services"][name]))


def test_a_secret_that_is_not_set_stops_the_start() -> None:
    for name in SECRETS:
        with pytest.raises(UnsetVariableError, match=name):
            composed({key: value for key, value in SECRETS.items() if key != name})


def test_only_the_demo_has_operators_that_no_one_named(document: dict[str, Any]) -> None:
    def operators(of: dict[str, Any]) -> dict[str, str]:
        return {
            name: of["services"][name]["environment"]["MEGAROUTER_OPERATORS"] or "" for name in ("admin", "admin-demo")
        }

    assert operators(document) == {"admin": "", "admin-demo": "user:acme-olivia"}
    named = composed({**SECRETS, "MEGAROUTER_OPERATORS": "user:olivia"})
    assert operators(named) == {"admin": "user:olivia", "admin-demo": "user:olivia"}


def test_each_profile_has_one_admin_service_with_the_same_name(document: dict[str, Any]) -> None:
    found = {name: one for name, one in document["services"].items() if one.get("command") == ["admin_service"]}
    assert {name: one["profiles"] for name, one in found.items()} == {"admin": ["production"], "admin-demo": ["demo"]}
    assert "admin" in found["admin-demo"]["networks"]["inside"]["aliases"]
    assert set(found["admin-demo"]["networks"]) == set(found["admin"]["networks"])
    assert document["services"]["demo"]["depends_on"].keys() == {"admin-demo"}


def test_the_configuration_of_envoy_is_made_from_variables_that_its_program_knows(document: dict[str, Any]) -> None:
    for profile in ("demo", "production"):
        step = document["services"][f"configuration-{profile}"]
        assert step["profiles"] == [profile]
        assert set_variables(step).keys() <= KNOWN


def test_processes_have_the_settings_of_the_chart(document: dict[str, Any]) -> None:
    """Apart from what each of them sets for itself: addresses of collectors, and what replaces secrets."""
    found = [one for pod in pods(rendered("production")) for one in containers(pod)]
    charts = {one["args"][0]: variables(one) for one in found if one["name"] != "envoy"}
    for name, service in document["services"].items():
        program = (service.get("command") or [""])[0]
        if program not in charts or name == "demo":
            continue
        optional = {
            key
            for key, value in charts[program].items()
            if isinstance(value, dict) and value["secretKeyRef"].get("optional")
        }
        wanted = {key for key in charts[program] if key.startswith("MEGAROUTER_")} - optional
        missing = wanted - service["environment"].keys()
        assert missing <= {
            "MEGAROUTER_IDENTITY_PROVIDERS_FILE", "MEGAROUTER_CATALOG_FILE", "MEGAROUTER_CONSOLE", "MEGAROUTER_TRUSTED_HOPS",
            "MEGAROUTER_PROXY_PROTOCOL", "MEGAROUTER_RATELIMIT_WORKERS", "MEGAROUTER_TLS_CERTIFICATE_FILE",
            "MEGAROUTER_TLS_KEY_FILE", "MEGAROUTER_SMTP_ADDRESS", "MEGAROUTER_SMTP_USERNAME", "MEGAROUTER_MAIL_SENDER",
            "MEGAROUTER_SMTP_PASSWORD_FILE", "MEGAROUTER_REPORT_KEY_FILE", "MEGAROUTER_REPORT_CERTIFICATE_FILE",
        }, name  # fmt: skip


def test_processes_run_the_images_of_the_chart(document: dict[str, Any]) -> None:
    charts = {one["image"] for pod in pods(rendered("minimal")) for one in containers(pod)}
    own = {service["image"] for service in document["services"].values() if service["image"].startswith("megarouter-")}
    assert own - {"megarouter-demo:0.2.0"} == charts


def test_no_container_of_ours_is_root_or_writes_to_its_root(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        if service["image"].startswith("megarouter-"):
            assert service["user"] == "65532:65532", name
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name


def test_only_envoy_and_the_dashboards_are_published(document: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in document["services"].items() if "ports" in service}
    assert published == {
        "envoy": ["127.0.0.1:8443:8443", "127.0.0.1:8444:8444"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


IN_MEMORY = "tmpfs"
MARK = "/tmp/written"  # noqa: S108 - in a container


def test_what_fills_a_volume_in_memory_stays_and_fills_it_again_after_a_restart(document: dict[str, Any]) -> None:
    """Docker empties such a volume when the last container that has it mounted stops."""
    in_memory = {name for name, one in document["volumes"].items() if one and one["driver_opts"]["type"] == IN_MEMORY}
    assert in_memory == {"envoy", "sockets"}
    for name, service in document["services"].items():
        mounted = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.endswith(":ro")}
        if mounted & in_memory:
            assert service["restart"] == "unless-stopped", name
        for needed, how in depended_on(service).items():
            if "envoy" in {volume.split(":")[0] for volume in document["services"][needed].get("volumes", [])}:
                assert how["condition"] in {"service_healthy", "service_started"}, (name, needed)


def depended_on(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = service.get("depends_on", {})
    return found


def test_what_takes_long_to_stop_can_be_stopped_before_it_handles_signals(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        if "stop_grace_period" in service and service["image"].startswith("megarouter-"):
            assert service["init"], name


def test_envoy_starts_when_its_configuration_is_written(document: dict[str, Any]) -> None:
    for profile in ("demo", "production"):
        step = document["services"][f"configuration-{profile}"]
        assert step["healthcheck"]["test"] == ["CMD", "test", "-e", MARK]
        assert step["tmpfs"] == [str(Path(MARK).parent)]  # emptied whenever the container starts
        assert depended_on(document["services"]["envoy"])[f"configuration-{profile}"] == {
            "condition": "service_healthy",
            "required": False,
        }


def test_the_configuration_is_tried_until_it_is_written_and_then_holds_its_volume(
    document: dict[str, Any], tmp_path: Path
) -> None:
    """Runs its command with programs in the place of `python`, which fails once, and of `sleep`."""
    step = document["services"]["configuration-demo"]
    assert step["init"]  # the first process of a container ignores signals that it does not handle
    said = tmp_path / "said"
    programs = {"python": f"[ $(grep -c python {said}) -gt 1 ]", "sleep": "[ $1 != infinity ] || exec cat"}
    for name, text in programs.items():
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@" >>{said}\n{text}\n')
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [word.replace(MARK, str(tmp_path / "mark")) for word in [*step["entrypoint"], *step["command"]]]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
    assert (tmp_path / "mark").exists()
    tried = "python -m megarouter_envoy.gateway"
    assert said.read_text().splitlines() == [tried, "sleep 2", tried, "sleep infinity"]


def test_redis_gets_its_settings_and_the_signal_to_stop(document: dict[str, Any], tmp_path: Path) -> None:
    """Runs its command with a program in the place of the server, which must take the place of the shell."""
    server = tmp_path / "valkey-server"
    server.write_text(f'#!/bin/sh\necho "$$ $@" >{tmp_path}/arguments\ncat >{tmp_path}/settings\n')
    server.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": "a$b"}
    with subprocess.Popen(document["services"]["redis"]["command"], env=environment) as process:
        assert process.wait(10) == 0
    assert (tmp_path / "arguments").read_text() == f"{process.pid} -\n"
    assert (tmp_path / "settings").read_text() == 'save ""\nmaxmemory-policy noeviction\nrequirepass a$b\n'


def test_what_sends_to_other_machines_has_a_network_that_leads_there(document: dict[str, Any]) -> None:
    assert document["networks"]["inside"]["internal"]
    for name in ("usage", "admin", "notification", "token", "envoy", "prometheus", "collector"):
        assert "outside" in document["services"][name]["networks"], name
    for name in ("postgres", "redis"):
        assert document["services"][name]["networks"] == ["inside"]


def test_logs_are_bounded(document: dict[str, Any]) -> None:
    for name, service in composed(SECRETS | BACKUPS, "backup.yaml")["services"].items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_containers_of_ours_have_the_memory_that_the_chart_gives_them(document: dict[str, Any]) -> None:
    charts = {
        one["args"][0]: one["resources"]["limits"]["memory"].lower().removesuffix("i")
        for pod in pods(rendered("production"))
        for one in containers(pod)
        if one["name"] != "envoy"
    }
    for name, service in document["services"].items():
        if service["image"].startswith("megarouter-"):
            program = (service.get("command") or [""])[0]
            assert service["mem_limit"] == charts.get(program, service["mem_limit"]), name


def test_no_secret_is_on_a_command_line(document: dict[str, Any]) -> None:
    secret = {**SECRETS, "REDIS_PASSWORD": "a-password-of-redis"}
    for service in composed(secret)["services"].values():
        assert "a-password-of-redis" not in str(service.get("command"))


def test_prometheus_scrapes_every_process_under_the_name_that_the_alert_rules_know(document: dict[str, Any]) -> None:
    scraped = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    jobs = {one["job_name"]: one["static_configs"][0]["targets"] for one in scraped}
    [down] = [rule for rule in alert_rules() if rule["alert"] == "ServiceDown"]
    for job, targets in jobs.items():
        name = job.removesuffix("_service")
        listens = document["services"][name].get("environment", {}).get("MEGAROUTER_METRICS_LISTEN", "0.0.0.0:9902")
        assert targets[0] == f"{name}:{listens.rpartition(':')[2]}"
        assert job in {"envoy", "token_service"} or job in down["expr"]


def test_the_script_writes_every_secret_once_and_shows_none(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    shutil.copy(FOLDER / "make-secrets.sh", script)
    first = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    if os.geteuid() != 0:
        assert first.returncode == 1
        assert "root" in first.stderr
        return
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert made.keys() == SECRETS.keys() | {"MEGAROUTER_CREDENTIAL_KEY"}  # which a file of an earlier release lacks
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets" / "edge-secret").read_text() == made["MEGAROUTER_EDGE_SECRET"]
    assert (tmp_path / "secrets" / "edge-secret").stat().st_uid == 65532
    assert not [value for value in made.values() if value in first.stdout + first.stderr]
    assert problems_of(composed(made)) == ""
    again = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines()) == made


def test_backups_need_a_folder_and_follow_the_specification() -> None:
    with pytest.raises(UnsetVariableError, match="BACKUP_FOLDER"):
        composed(SECRETS, "backup.yaml")
    assert problems_of(composed(SECRETS | BACKUPS, "backup.yaml")) == ""


def test_backups_leave_postgresql_as_it_is_and_add_the_archive(document: dict[str, Any]) -> None:
    with_backups = composed(SECRETS | BACKUPS, "backup.yaml")
    usual = document["services"]["postgres"]["command"]
    archiving = with_backups["services"]["postgres"]["command"]
    assert archiving[: len(usual)] == usual
    added = dict(setting.split("=", 1) for setting in archiving[len(usual) :] if setting != "-c")
    assert added.keys() == {"archive_mode", "archive_timeout", "archive_command"}
    assert with_backups["services"].keys() - document["services"].keys() == {"backup"}


def test_both_sides_of_a_backup_reach_the_same_folder_and_the_scripts() -> None:
    services = composed(SECRETS | BACKUPS, "backup.yaml")["services"]
    [archive] = [setting for setting in services["postgres"]["command"] if setting.startswith("archive_command=")]
    commands = [archive.removeprefix("archive_command=").split()[:2], services["backup"]["entrypoint"]]
    for service, (script, folder) in zip(("postgres", "backup"), commands, strict=True):
        mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in services[service]["volumes"]}
        assert mounted[folder] == BACKUPS["BACKUP_FOLDER"]
        assert mounted["/var/run/postgresql"] == "postgres-socket"
        assert os.access(FOLDER / mounted[str(Path(script).parent)] / Path(script).name, os.X_OK)
