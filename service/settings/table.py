"""Settings: one table, from which reading, ``--help`` and the documentation are made.

Each row of ``TABLE`` is one environment variable. A variable that is absent or empty has its default. All wrong
values are reported together, each with its name, its value and what is expected.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.components.guest_limits import MAX_INSTANCES
from engine.documents.encodable import is_sayable
from engine.limits import EngineLimits
from service.hosts.addresses import is_loopback
from service.hosts.outbound_rules import (
    ALLOW_EXPECTED,
    DEFAULT_PORTS,
    PORTS_EXPECTED,
    AllowList,
    OutboundMode,
    OutboundRules,
    PortSet,
    read_allow_list,
    read_ports,
)
from service.settings.catalog import CATALOG_ROWS
from service.settings.guest import GUEST_ROWS
from service.settings.http import HTTP_ROWS
from service.settings.identity import IDENTITY_ROWS
from service.settings.kinds import FOLDER, HOST, PORT, SWITCH, URL, Kind, choice, whole_number
from service.settings.live import LIVE_ROWS
from service.settings.memory import MEMORY_ROWS
from service.settings.network import NETWORK_ROWS, NetworkSettings
from service.settings.telemetry import TELEMETRY_ROWS
from service.settings.workers import WORKER_ROWS

LogFormat = Literal["auto", "json", "console"]


class Settings(NetworkSettings, frozen=True, kw_only=True):
    """How the service runs. ``TABLE`` says what each field means, its unit and its default."""

    host: str = "127.0.0.1"
    port: int = 5006
    max_concurrent_executions: int = 100
    default_execution_timeout_ms: float = 300_000
    max_backpressure_queue: int = 10_000
    isolate_pool_size: int = 10
    enable_metrics: bool = True
    completion_grace_ms: float = 2_000
    chaining: bool = True
    drain_seconds: float = 5
    outbound: OutboundMode = "guarded"
    outbound_allow: AllowList = AllowList()
    outbound_ports: PortSet = DEFAULT_PORTS
    cache_folder: Path | None = None
    log_level: str = "info"
    log_format: LogFormat = "auto"
    log_stall_ms: int = 1_000
    otel_endpoint: str = ""
    otel_calls_per_second: int = 20

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine may be served, because nobody said that everybody may."""
        return self.effective_auth == "unset"

    def engine_limits(self) -> EngineLimits:
        """The engine's bounds with these settings put in."""
        return EngineLimits(
            max_concurrent_executions=self.max_concurrent_executions,
            default_timeout_ms=self.default_execution_timeout_ms,
            max_held_messages=self.max_backpressure_queue,
            completion_grace_ms=self.completion_grace_ms,
            stop_seconds=self.drain_seconds,
            owner_graphs=self.org_max_graphs,
            owner_components=self.org_max_components,
            owner_executions=self._share(self.org_max_executions, self.max_concurrent_executions),
            owner_instances=self._share(self.org_max_instances, MAX_INSTANCES),
            owner_bytes_per_second=self.org_max_bytes_per_second,
            memory_bytes=self.max_memory_bytes,
            owner_memory_bytes=self.org_max_memory_bytes,
            sandbox_memory_bytes=self.sandbox_memory_bytes,
            owner_sandbox_memory_bytes=self.org_sandbox_memory_bytes,
        )

    def _share(self, given: int | None, whole: int) -> int:
        """What one organisation may have of a whole: what is given, or else half where there are organisations."""
        if given is not None:
            return given
        return max(1, whole // 2) if self.effective_auth == "identity" else 0

    def outbound_rules(self) -> OutboundRules:
        """Where outgoing requests may go."""
        return OutboundRules(allow=self.outbound_allow, ports=self.outbound_ports)


class SettingsError(ValueError):
    """Settings that cannot be used; ``complaints`` holds one sentence for each."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = tuple(complaints)


class Row(msgspec.Struct, frozen=True):
    """One setting: the field it fills, the variables that are asked for it in turn, and what it does."""

    field: str
    variables: tuple[str, ...]
    kind: Kind
    description: str

    @property
    def default(self) -> str:
        """The default as one would write it into the variable; empty when there is none."""
        value = getattr(Settings(), self.field)
        if value is None or value == "unset":
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)


_MAX_COUNT = 10_000_000
_WEEK_MS = 7 * 24 * 3600 * 1000

TABLE = (
    Row(
        "host",
        ("HOST",),
        HOST,
        "The address to serve on. Others than this machine's own loopback need AUTH to be identity or none.",
    ),
    Row("port", ("RUNTIME_PORT", "PORT"), PORT, "The port to serve on; 0 takes any free one."),
    *(Row(*row) for row in IDENTITY_ROWS),
    *(Row(*row) for row in CATALOG_ROWS),
    Row(
        "max_concurrent_executions",
        ("MAX_CONCURRENT_EXECUTIONS",),
        whole_number(1, 100_000),
        "Executions that may be under way at once; one more is refused with status 409.",
    ),
    Row(
        "default_execution_timeout_ms",
        ("DEFAULT_EXECUTION_TIMEOUT",),
        whole_number(0, _WEEK_MS, "milliseconds, 0 for no limit"),
        "Wall time after which an execution that asked for no other limit fails.",
    ),
    Row(
        "max_backpressure_queue",
        ("MAX_BACKPRESSURE_QUEUE",),
        whole_number(1, _MAX_COUNT),
        "Messages that a paused execution holds; one more is refused with status 429.",
    ),
    Row(
        "isolate_pool_size",
        ("ISOLATE_POOL_SIZE",),
        whole_number(0, _MAX_COUNT),
        "Accepted, and without effect: a sandbox opens in under a millisecond, so no pool of them is kept.",
    ),
    Row(
        "enable_metrics",
        ("ENABLE_METRICS",),
        SWITCH,
        "Whether GET /metrics and GET /api/executions/<id>/metrics are served.",
    ),
    Row(
        "chaining",
        ("RUNTIME_CHAINING",),
        SWITCH,
        "Whether linear runs of nodes with JavaScript run as one, where they may; what they do is the same.",
    ),
    Row(
        "completion_grace_ms",
        ("COMPLETION_GRACE_MS",),
        whole_number(0, _WEEK_MS, "milliseconds"),
        "Quiet time after which an execution with completion auto ends by itself.",
    ),
    Row(
        "drain_seconds",
        ("DRAIN_SECONDS",),
        whole_number(1, 3600, "seconds"),
        "How long the service, or one execution, may take to come to its end when it is told to stop.",
    ),
    *(Row(*row) for row in HTTP_ROWS),
    Row(
        "outbound",
        ("OUTBOUND",),
        choice("guarded", "listed", "open", "off"),
        "Where requests of graphs, and for the sources of components, may go: the public Internet and what "
        "OUTBOUND_ALLOW names; only what it names; anywhere; nowhere.",
    ),
    Row(
        "outbound_allow",
        ("OUTBOUND_ALLOW",),
        Kind(expected=ALLOW_EXPECTED, read=read_allow_list),
        "What may be reached beyond the public Internet; without a port, at the ports of OUTBOUND_PORTS.",
    ),
    Row(
        "outbound_ports",
        ("OUTBOUND_PORTS",),
        Kind(expected=PORTS_EXPECTED, read=read_ports),
        "The ports at which hosts may be reached.",
    ),
    Row(
        "cache_folder",
        ("CACHE_FOLDER",),
        FOLDER,
        "Where compiled sandbox code is kept between starts; the user's own cache folder when unset.",
    ),
    *(Row(*row) for row in MEMORY_ROWS),
    *(Row(*row) for row in WORKER_ROWS),
    *(Row(*row) for row in GUEST_ROWS),
    Row("log_level", ("LOG_LEVEL",), choice("debug", "info", "warning", "error"), "The least that is logged."),
    Row(
        "log_format",
        ("LOG_FORMAT",),
        choice("auto", "json", "console"),
        "How log lines look on standard error; auto is console at a terminal and json elsewhere.",
    ),
    Row(
        "log_stall_ms",
        ("LOG_STALL_MS",),
        whole_number(0, 3_600_000, "milliseconds, 0 for never"),
        "How long something may hold the event loop before the log says what it was, with its stack.",
    ),
    Row(
        "otel_endpoint",
        ("OTEL_EXPORTER_OTLP_ENDPOINT",),
        URL,
        "Where OpenTelemetry spans are sent by OTLP over HTTP, without /v1/traces; needs the extra otel.",
    ),
    Row(
        "otel_calls_per_second",
        ("OTEL_CALLS_PER_SECOND",),
        whole_number(0, 200),
        "Calls of components that become spans, of each execution a second; as many failed ones beside them.",
    ),
    *(Row(*row) for row in LIVE_ROWS),
    *(Row(*row) for row in TELEMETRY_ROWS),
    *(Row(*row) for row in NETWORK_ROWS),
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment asks for.

    Raises:
        SettingsError: with every wrong value at once.
    """
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for row in TABLE:
        variable = next((name for name in row.variables if environment.get(name, "").strip()), None)
        if variable is None:
            continue
        text = environment[variable].strip()
        if not is_sayable(text):
            complaints.append(f"{variable} is not UTF-8.")
            continue
        try:
            values[row.field] = row.kind.read(text)
        except ValueError:
            shown = "(not shown)" if row.kind.secret else _shown(text)
            complaints.append(f"{variable}={shown} is not usable: expected {row.kind.expected}.")
    settings = Settings(**values)
    if not complaints and settings.loopback_only and not is_loopback(settings.host):
        complaints.append(
            f"HOST={_shown(settings.host)} would serve other machines, and no identity service is configured: "
            "set IDENTITY_SERVICE_URL to serve whoever it recognises, AUTH=none to serve everybody without "
            "authentication, or HOST=127.0.0.1."
        )
    if not complaints and settings.demands_manifests and not settings.catalog_service_url:
        complaints.append(
            f"RUNTIME_MANIFEST_ENFORCEMENT={settings.manifest_enforcement} asks for the manifests of a catalog, "
            "and none is configured: set CATALOG_SERVICE_URL, or RUNTIME_MANIFEST_ENFORCEMENT=off."
        )
    if complaints:
        raise SettingsError(complaints)
    return settings


def _shown(text: str) -> str:
    """A wrong value as it is shown to people: without control characters, and not endless."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
