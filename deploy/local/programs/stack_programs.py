"""Defines the processes of a local stack."""

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from megarouter_envoy.settings.variables import HOST, SIGN_IN_PAGE_URL

from deploy.local.process.accounts import for_account, python_account
from deploy.local.process.children import ChildCommand, StartError
from deploy.local.programs import postgres, probes, redis
from deploy.local.programs.envoy.program import envoy_program
from deploy.local.programs.patience import Patience
from deploy.local.programs.program import SERVICE, STORAGE, Program
from deploy.local.stack.environment import (
    ALLOWED_TARGETS,
    DEMO_OPERATORS,
    ENVOY_ADMIN_URL,
    INBOX_SECRET,
    INVITE_PAGE_URL,
    METRICS_LISTEN,
    MODEL_URL,
    OPERATORS,
    REPORT_PAGE_URL,
    Backends,
    console_url,
    inbox_url,
    service_environment,
)
from deploy.local.stack.layout import REPOSITORY, SERVICES, Home, LayoutError, process_name
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.secrets import load_or_make_secrets

_TOKEN_PATIENCE_S = 10.0


def stack_programs(plan: StackPlan) -> tuple[Program, ...]:
    """Returns all programs in the order of the status table."""
    return (
        envoy_program(plan),
        *(_service_program(plan, service, worker) for service in SERVICES for worker in plan.ports.workers_of(service)),
        *([_token_program(plan)] if any(route.wants_token for route in plan.routes) else []),
        *([_postgres_program(plan)] if plan.backends.embedded_postgres else []),
        *([_redis_program(plan)] if plan.backends.embedded_redis else []),
        _mock_program(plan),
        _inbox_program(plan),
    )


def external_addresses(backends: Backends) -> dict[str, str]:
    """Returns the databases that this stack does not run: name to `host:port`, without the password."""
    urls = {
        "postgres": None if backends.embedded_postgres else backends.database_url,
        "redis": None if backends.embedded_redis else backends.redis_url,
    }
    return {name: without_credentials(url) for name, url in urls.items() if url}


def without_credentials(url: str) -> str:
    """Returns the `host:port` of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _short(socket: Path, home: Home) -> Path:
    """Returns the path relative to the home if it is inside."""
    return socket.relative_to(home.directory) if socket.is_relative_to(home.directory) else socket


def _service_program(plan: StackPlan, service: str, worker: int) -> Program:
    """Returns one process of a service. Each worker has its own status line, log and restarts."""
    name = process_name(service, worker)
    socket = plan.home.socket(service, worker)
    return Program(
        name=name,
        address=f"unix:{_short(socket, plan.home)}",
        prepare=lambda: socket.unlink(missing_ok=True),
        child=lambda: _service_child(plan, service, worker),
        is_ready=lambda pid: probes.is_serving(socket, pid),
        successor=lambda _: _service_child(plan, service, worker),
        stop_rank=SERVICE,
        ports=(plan.ports.metrics(service, worker),),
        warm_module=f"{service}_service",
    )


def _token_program(plan: StackPlan) -> Program:
    """Returns token_service, whose files are written with those of Envoy.

    A stack waits a while for its tokens, but starts without them: a server that gives none must not stop other providers. Once
    it has started, the process is not ready while a provider gives no new token.
    """
    socket = plan.home.socket("token")
    patience = Patience(_TOKEN_PATIENCE_S, time.monotonic)

    def is_ready(pid: int) -> bool:
        is_listening = probes.listener_of(socket) == pid
        return is_listening and patience.passes(pid, is_ready=probes.is_serving(socket, pid))

    return Program(
        name=process_name("token"),
        address=f"unix:{_short(socket, plan.home)}",
        prepare=lambda: socket.unlink(missing_ok=True),
        child=lambda: _service_child(plan, "token", 0),
        is_ready=is_ready,
        successor=lambda _: _service_child(plan, "token", 0),
        stop_rank=SERVICE,
        ports=(plan.ports.token_metrics,),
    )


def _service_child(plan: StackPlan, service: str, worker: int) -> ChildCommand:
    """Returns how the process starts now. It reads the secrets of the home again, so a restart takes those that were replaced.

    Raises:
        StartError: the secrets are damaged.
    """
    try:
        secrets = load_or_make_secrets(plan.home)
    except LayoutError as error:
        raise StartError(str(error)) from error
    environment = service_environment(
        service, plan.home, secrets, plan.backends, plan.specification.catalog_file, plan.environment, worker
    )
    metrics_port = plan.ports.token_metrics if service == "token" else plan.ports.metrics(service, worker)
    environment[METRICS_LISTEN] = f"{HOST}:{metrics_port}"
    if service == "usage":
        environment[ENVOY_ADMIN_URL] = f"unix:{plan.home.envoy_admin_socket}"
    if service == "admin":
        admin_url = plan.listeners.url(plan.ports.admin)
        environment.setdefault(INVITE_PAGE_URL, f"{console_url(admin_url)}invite")
        environment.setdefault(SIGN_IN_PAGE_URL, f"{console_url(admin_url)}sign-in")
        environment.setdefault(REPORT_PAGE_URL, f"{console_url(admin_url)}report")
        environment.setdefault(MODEL_URL, plan.listeners.url(plan.ports.model))
        environment.setdefault(OPERATORS, DEMO_OPERATORS)
    if service in {"admin", "notification"}:
        allowed = environment.get(ALLOWED_TARGETS)
        environment[ALLOWED_TARGETS] = ",".join(filter(None, (f"{HOST}:{plan.ports.inbox}", allowed)))
    account = python_account(environment)
    return ChildCommand(
        command=[sys.executable, "-m", f"{service}_service"],
        account=account,
        environment=for_account(environment, account),
        directory=REPOSITORY,
        log_file=plan.home.log_file(process_name(service, worker)),
    )


def _mock_program(plan: StackPlan) -> Program:
    port = plan.ports.mock_provider
    return Program(
        name="mock_provider",
        address=f"http://{HOST}:{port}",
        child=lambda: ChildCommand(
            command=[sys.executable, "-m", "mock_provider", "--port", str(port)],
            environment=for_account(plan.environment, account := python_account(plan.environment)),
            directory=REPOSITORY,
            log_file=plan.home.log_file("mock_provider"),
            account=account,
        ),
        is_ready=lambda _pid: probes.answers_ok(port, "/healthz"),
        stop_rank=SERVICE,
        ports=(port,),
    )


def _inbox_program(plan: StackPlan) -> Program:
    port, name = plan.ports.inbox, "inbox"
    environment = {**plan.environment, INBOX_SECRET: plan.secrets.inbox_secret}
    account = python_account(environment)
    return Program(
        name=name,
        address=inbox_url(plan.ports),
        child=lambda: ChildCommand(
            command=[sys.executable, "-m", "mock_provider.inbox", "--port", str(port)],
            environment=for_account(environment, account),
            directory=REPOSITORY,
            log_file=plan.home.log_file(name),
            account=account,
        ),
        is_ready=lambda _pid: probes.answers_ok(port, "/healthz"),
        stop_rank=SERVICE,
        ports=(port,),
    )


def _postgres_program(plan: StackPlan) -> Program:
    directory, log_file, port = plan.home.postgres, plan.home.log_file("postgres"), plan.ports.postgres
    return Program(
        name="postgres",
        address=f"{HOST}:{port}",
        prepare=lambda: postgres.prepare_postgres(directory, plan.secrets.postgres_password, log_file),
        child=lambda: postgres.server_child(directory, port, log_file, durable=True),
        is_ready=lambda pid: postgres.is_postgres_ready(directory, pid),
        stop_rank=STORAGE,
        stop_signal=postgres.FAST_SHUTDOWN,
        ports=(port,),
    )


def _redis_program(plan: StackPlan) -> Program:
    directory, port, password = plan.home.redis, plan.ports.redis, plan.secrets.redis_password
    return Program(
        name="redis",
        address=f"{HOST}:{port}",
        prepare=lambda: redis.prepare_redis(directory, port, password),
        child=lambda: redis.server_child(directory, plan.home.log_file("redis")),
        is_ready=lambda _pid: redis.is_redis_ready(port, password),
        stop_rank=STORAGE,
        ports=(port,),
    )
