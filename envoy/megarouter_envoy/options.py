"""The inputs of the bootstrap. Everything else in the configuration follows from them."""

from dataclasses import dataclass, field
from pathlib import Path

from gateway_core.model.catalog.providers.clusters import own_key_cluster, provider_cluster
from gateway_core.model.deployments.listener_limits import MAX_CONNECTIONS, ListenerLimits
from gateway_core.model.deployments.live_configuration import CREDENTIALS_FOLDER, OWN_KEYS_FOLDER
from megarouter_envoy.module import find_module

LUA_SCRIPTS = Path(__file__).resolve().parents[1] / "lua"
ADMIN_JSON_PATH = LUA_SCRIPTS / "admin_json.lua"


@dataclass(frozen=True, slots=True)
class Credential:
    """How the gateway authenticates to a provider. The secret stays in its file and never enters the bootstrap."""

    header: str  # lower case, for example `authorization`
    prefix: str  # put before the secret, for example `Bearer `
    secret_file: Path  # mode 0600, the secret without a line break: see `credentials.write_secret_file`


@dataclass(frozen=True, slots=True)
class AwsAccessKey:
    """The access key with which Envoy signs requests to a service of AWS."""

    region: str
    service: str  # the name under which the service checks signatures
    file: Path | None  # of the form that AWS calls shared credentials; None: what Envoy finds in its environment


@dataclass(frozen=True, slots=True)
class ProviderTarget:
    """A provider that receives calls. One that wants its credential in several headers is several targets."""

    name: str
    host: str
    port: int
    tls: bool
    credential: Credential | AwsAccessKey | None = None

    @property
    def is_mock(self) -> bool:
        """Whether it is a mock provider. Real ones want a credential."""
        return self.credential is None

    @property
    def sent_secret(self) -> Credential | None:
        """The secret that Envoy sends as it is; None if there is none, or it only signs with it."""
        return self.credential if isinstance(self.credential, Credential) else None

    @property
    def access_key(self) -> AwsAccessKey | None:
        """The access key with which Envoy signs; None if it does not."""
        return self.credential if isinstance(self.credential, AwsAccessKey) else None

    @property
    def cluster(self) -> str:
        """The name of the provider's cluster, which authz_service puts into `x-megarouter-cluster`."""
        return provider_cluster(self.name)

    @property
    def own_key_cluster(self) -> str:
        """The name of the cluster of calls that carry their organization's own key."""
        return own_key_cluster(self.name)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An OpenID Connect issuer whose tokens the admin API accepts. Exactly one of `jwks_uri` and `jwks_file` is set."""

    name: str
    issuer: str  # exactly the claim `iss`
    audiences: tuple[str, ...]  # one of them must be in the claim `aud`
    jwks_uri: str | None = None  # `https://`, or `http://` on loopback
    jwks_file: Path | None = None
    cli_client_id: str | None = None  # as which application `megarouter login` signs in there
    console_client_id: str | None = None  # the same of the console
    jwks_cache_s: int = 300  # how late Envoy may notice that the issuer withdrew or published a key

    @property
    def cluster(self) -> str:
        """The name of the cluster through which Envoy fetches its keys."""
        return f"identity-{self.name}"


@dataclass(frozen=True, slots=True)
class AdminApi:
    """What Envoy needs to translate REST calls: see `admin_api.prepare_admin_api`."""

    descriptor_file: Path
    services: tuple[str, ...]  # full names
    json_types_file: Path  # input of `admin_json.lua`


@dataclass(frozen=True, slots=True)
class ConsoleAsset:
    """A file of the web console that never changes: its name contains a hash of its content."""

    name: str
    content: bytes  # compressed with gzip


@dataclass(frozen=True, slots=True)
class Console:
    """The web console: see `replies.console_files.read_console`.

    Envoy's configuration contains the files, so that it can restart while somebody builds the console again.
    """

    page: bytes  # compressed with gzip
    assets: tuple[ConsoleAsset, ...]
    model_url: str  # where the page says that models are called
    issuers: tuple[str, ...] = ()  # origins at which people may sign in


@dataclass(frozen=True, slots=True)
class ServiceSockets:
    """Unix sockets of the four services."""

    authz: Path
    ratelimit: Path
    usage: Path
    admin: Path
    authz_workers: int = 1  # number of `--workers`; calls are spread over them
    ratelimit_workers: int = 1
    admin_workers: int = 1


def worker_sockets(first: Path, workers: int) -> list[Path]:
    """Returns the sockets of a service's workers: `name.sock`, `name-1.sock`, ..."""
    return [first, *(first.with_name(f"{first.stem}-{number}{first.suffix}") for number in range(1, workers))]


@dataclass(frozen=True, slots=True)
class Strangers:
    """How many connections that have not shown a known credential each worker of Envoy keeps open.

    Beyond that, the oldest one is closed for each new one.
    """

    per_address: int
    total: int


@dataclass(frozen=True, slots=True)
class UnfinishedBodies:
    """How many bytes of model calls' bodies that have not arrived whole Envoy keeps, on all workers.

    Together with the answers they must fit into the heap.
    """

    of_key: int = 512 * 1024 * 1024
    of_organization: int = 1024 * 1024 * 1024
    total: int = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FrontProxies:
    """The proxies between callers and Envoy, which report the caller's address."""

    trusted_hops: int = 0
    """How many proxies in front of Envoy append to `x-forwarded-for`. The caller's address is what the first of them saw."""
    proxy_protocol: bool = False
    """Whether a load balancer in front of Envoy begins every connection with the caller's address (PROXY protocol)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what one client may occupy, and for how long."""

    connection_buffer_bytes: int = (
        256 * 1024
    )  # how far one side may run ahead of the other, and what a worker reads at a time
    max_downstream_connections: int = MAX_CONNECTIONS  # of both public listeners
    listeners: ListenerLimits = field(default_factory=ListenerLimits)
    max_admin_calls: int = 512  # at a time, on all workers
    max_admin_calls_of_caller: int = 64  # of them with one access token
    unfinished_bodies: UnfinishedBodies = UnfinishedBodies()
    model_strangers: Strangers = Strangers(per_address=500, total=1_000)
    admin_strangers: Strangers = Strangers(per_address=100, total=200)
    max_heap_bytes: int = 4 * 1024 * 1024 * 1024
    request_timeout_s: int = 300  # to receive a whole request
    stream_idle_timeout_s: int = 900  # a reasoning model may think for minutes before its first byte
    max_stream_duration_s: int = 3600
    authorization_timeout_s: float = 2.0
    rate_limit_timeout_s: float = 1.0
    max_admin_request_bytes: int = 1024 * 1024  # of a REST call; an import of 1,000 members has a fifth of that
    max_admin_response_bytes: int = 16 * 1024 * 1024  # a page of 1,000 resources as JSON
    admin_request_timeout_s: int = 60  # to receive a whole request
    max_admin_call_s: int = 300
    drain_grace_s: int = 30  # how long calls may go on after SIGTERM


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """The certificate of the public listeners. `tls.write_secrets` writes the two files that Envoy reads first."""

    certificate_file: Path  # PEM, the listener's own certificate first
    key_file: Path  # PEM, in the same directory
    secrets_file: Path  # written: names the two files above
    client_secrets_file: Path  # written: names the file below
    client_authorities_file: Path | None = None  # PEM; clients then need a certificate of one of these authorities


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where Envoy learns what changes while it runs."""

    socket: Path  # of admin_service
    folder: Path  # shared with it: see `gateway.live_folder`

    @property
    def credentials(self) -> Path:
        """The directory with one file for each credential that the API was given, mode 0600."""
        return self.folder / CREDENTIALS_FOLDER

    @property
    def own_keys(self) -> Path:
        """The directory with one file for each key that an organization has at a provider itself, mode 0600."""
        return self.folder / OWN_KEYS_FOLDER


@dataclass(frozen=True, slots=True)
class BootstrapOptions:
    """All inputs of `build_bootstrap`."""

    model_port: int
    admin_port: int
    metrics_port: int
    envoy_admin_socket: Path  # created with mode 0600; whoever can connect to it can stop the process
    sockets: ServiceSockets
    journal_path: Path
    admin_api: AdminApi
    edge_secret_file: Path  # mode 0600; proves to admin_service that a call came through Envoy
    providers: tuple[ProviderTarget, ...]
    fallbacks: tuple[tuple[str, ...], ...] = ()  # orders in which the targets of one call may be tried
    discovery: Discovery | None = None  # of providers and fallbacks; None: they are part of the bootstrap
    secret_sources_folder: Path | None = None  # Envoy then notices replaced secret files: see `clusters.secret_sources`
    listen_address: str = "127.0.0.1"  # of the two public listeners
    tls: ListenerTls | None = None  # of the two public listeners
    allow_plain_http: bool = False  # on an address that is not loopback, for example behind a proxy that ends TLS
    metrics_address: str = "127.0.0.1"  # of the read-only listener for metrics and readiness
    metrics_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")  # names by which it may be called
    otlp_endpoint: str | None = None  # `host:port` of an OTLP collector that speaks gRPC
    admin_allowed_origins: tuple[str, ...] = ()  # exact origins of browsers that may call the admin API
    model_allowed_origins: tuple[str, ...] = ()  # the same for model calls
    identity_providers: tuple[IdentityProvider, ...] = ()
    console: Console | None = None  # None: none is served
    report_certificates: tuple[bytes, ...] = ()  # in DER; announced to everyone, so that browsers can check reports
    control_prefix: str = ""  # begins the names of headers that control a mock provider; real ones never receive them
    authorities_path: Path | None = None  # certificate authorities to trust for providers; None: the system's
    front_proxies: FrontProxies = field(default_factory=FrontProxies)
    limits: Limits = field(default_factory=Limits)
    module_path: Path = field(default_factory=find_module)
    admin_json_path: Path = ADMIN_JSON_PATH
