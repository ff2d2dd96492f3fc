"""Settings: one struct, from which reading, ``--help`` and the documentation are made.

Each field that is annotated with a ``Setting`` is one environment variable; the others are groups of such fields.
A variable that is absent or empty has its default. All wrong values are reported together, each with its name, its
value and what is expected.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

from engine.components.guest_limits import MAX_INSTANCES
from engine.documents.encodable import is_sayable
from engine.limits import EngineLimits
from service.addresses.ip import is_loopback
from service.settings.access import AccessSettings, QuotaSettings
from service.settings.catalog import CatalogSettings
from service.settings.executions import ExecutionSettings
from service.settings.graph_values import GraphValueSettings
from service.settings.guest import GuestSettings
from service.settings.http import HttpSettings
from service.settings.identity import IdentitySettings
from service.settings.keeping import KeepingSettings
from service.settings.kinds import FOLDER, HOST, PORT, Kind, Secret, Setting
from service.settings.live import LiveSettings
from service.settings.memory import MemorySettings
from service.settings.network import NetworkSettings
from service.settings.observability import LogSettings, TracingSettings
from service.settings.outbound import OutboundSettings
from service.settings.telemetry import LABEL, TelemetrySettings
from service.settings.workers import WorkerSettings

NO_DATABASE = (
    "this service uses no database: what symbia.state.* keeps goes on when a graph is published anew, and is gone "
    "after a restart"
)
"""The word for whoever expects the platform's durable state."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the service. The documentation lists the settings in the order of these fields."""

    host: Annotated[
        str,
        Setting(
            "HOST",
            HOST,
            "The address to serve on. Others than this machine's own loopback need AUTH to be identity or none.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Setting(
            ("RUNTIME_PORT", "PORT"),
            PORT,
            "The port to serve on; 0 takes any free one.",
        ),
    ] = 5006
    identity: IdentitySettings = IdentitySettings()
    access: AccessSettings = AccessSettings()
    quotas: QuotaSettings = QuotaSettings()
    catalog: CatalogSettings = CatalogSettings()
    executions: ExecutionSettings = ExecutionSettings()
    graph_values: GraphValueSettings = GraphValueSettings()
    http: HttpSettings = HttpSettings()
    outbound: OutboundSettings = OutboundSettings()
    cache_folder: Annotated[
        Path | None,
        Setting(
            "CACHE_FOLDER",
            FOLDER,
            "Where compiled sandbox code is kept between starts; the user's own cache folder when unset.",
        ),
    ] = None
    database_url: Annotated[
        str,
        Setting(
            "DATABASE_URL",
            Kind(expected="a text", read=Secret, secret=True),
            (
                "The platform's database for the state of its runtime. This service uses none: where it is set, "
                "the log says at the start that state is kept in memory."
            ),
        ),
    ] = Secret()
    memory: MemorySettings = MemorySettings()
    keeping: KeepingSettings = KeepingSettings()
    workers: WorkerSettings = WorkerSettings()
    guest: GuestSettings = GuestSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    live: LiveSettings = LiveSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    service_id: Annotated[
        str,
        Setting(
            "SERVICE_ID",
            LABEL,
            "What this service is called in telemetry and on the Network.",
        ),
    ] = "runtime"
    network: NetworkSettings = NetworkSettings()

    @property
    def loopback_only(self) -> bool:
        """True where only this machine may be served, because nobody said that everybody may."""
        return self.identity.effective_auth == "unset"

    def engine_limits(self) -> EngineLimits:
        """Return the engine's bounds with these settings put in."""
        return EngineLimits(
            max_concurrent_executions=self.executions.max_concurrent,
            default_timeout_ms=self.executions.default_timeout_ms,
            max_held_messages=self.executions.max_held_messages,
            completion_grace_ms=self.executions.completion_grace_ms,
            stop_seconds=self.executions.drain_seconds,
            owner_graphs=self.quotas.max_graphs,
            owner_components=self.quotas.max_components,
            owner_executions=self._share(self.quotas.max_executions, self.executions.max_concurrent),
            owner_instances=self._share(self.quotas.max_instances, MAX_INSTANCES),
            owner_bytes_per_second=self.quotas.max_bytes_per_second,
            checkpoint_ms=self.keeping.checkpoint_ms,
            checkpoint_messages=self.keeping.checkpoint_messages,
            checkpoint_bytes=self.keeping.checkpoint_bytes,
            kept_versions=self.keeping.versions,
            kept_version_bytes=self.keeping.version_bytes,
            kept_outputs=self.keeping.outputs,
            kept_output_bytes=self.keeping.output_bytes,
            recordings=self.keeping.recordings,
            recording_bytes=self.keeping.recording_bytes,
            owner_recording_bytes=self.keeping.owner_recording_bytes,
            recording_days=self.keeping.recording_days,
            replay_bytes=self.keeping.replay_bytes,
            flight_recorder_bytes=self.keeping.flight_recorder_bytes,
            memory_bytes=self.memory.max_bytes,
            owner_memory_bytes=self.memory.org_max_bytes,
            sandbox_memory_bytes=self.memory.sandbox_bytes,
            owner_sandbox_memory_bytes=self.memory.org_sandbox_bytes,
        )

    def _share(self, given: int | None, whole: int) -> int:
        """Return one organisation's share: what is given, or half of the whole where there are organisations."""
        if given is not None:
            return given
        return max(1, whole // 2) if self.identity.effective_auth == "identity" else 0


class SettingsError(ValueError):
    """Settings that cannot be used; ``complaints`` holds one sentence for each."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = tuple(complaints)


class Row(msgspec.Struct, frozen=True):
    """One setting: the field that it fills, in ``Settings`` or in a group there; else as in ``Setting``."""

    path: tuple[str, ...]
    variables: tuple[str, ...]
    kind: Kind
    description: str

    def value_in(self, settings: Settings) -> Any:
        """Return the value that it has."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value

    @property
    def default(self) -> str:
        """The default as one would write it into the variable; empty when there is none."""
        value = self.value_in(Settings())
        if value is None or value in ("unset", ()):
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(group: type[msgspec.Struct], path: tuple[str, ...] = ()) -> Iterator[Row]:
    """All settings of a group, and of the groups in it, in the order of their fields."""
    for name, hint in get_type_hints(group, include_extras=True).items():
        setting = next((said for said in get_args(hint) if isinstance(said, Setting)), None)
        if setting is None:
            yield from _rows(hint, (*path, name))
        else:
            yield Row((*path, name), setting.variables, setting.kind, setting.description)


TABLE = tuple(_rows(Settings))


def settings_of(values: Mapping[Row, Any]) -> Settings:
    """Return the settings with these values; the others have their defaults."""
    fields: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for row, value in values.items():
        *group, name = row.path
        (groups.setdefault(group[0], {}) if group else fields)[name] = value
    defaults = Settings()
    for name, changes in groups.items():
        fields[name] = msgspec.structs.replace(getattr(defaults, name), **changes)
    return Settings(**fields)


def read_settings(environment: Mapping[str, str], names: Mapping[str, str] = {}) -> Settings:
    """Read the settings that the environment asks for.

    Args:
        environment: all variables.
        names: what people called those that did not come from their environment, such as ``--port``.

    Raises:
        SettingsError: with every wrong value at once.
    """
    values, complaints = _values_of(TABLE, environment, names)
    settings = settings_of(values)
    if not complaints and settings.loopback_only and not is_loopback(settings.host):
        complaints.append(
            f"{names.get('HOST', 'HOST')}={_shown(settings.host)} would serve other machines, and no identity "
            "service is configured: set IDENTITY_SERVICE_URL to serve whoever it recognises, AUTH=none to serve "
            "everybody without authentication, or HOST=127.0.0.1."
        )
    if not complaints and settings.catalog.demands_manifests and not settings.catalog.url:
        complaints.append(
            f"RUNTIME_MANIFEST_ENFORCEMENT={settings.catalog.manifest_enforcement} asks for the manifests of a "
            "catalog, and none is configured: set CATALOG_SERVICE_URL, or RUNTIME_MANIFEST_ENFORCEMENT=off."
        )
    if complaints:
        raise SettingsError(complaints)
    return settings


def graph_value_settings(environment: Mapping[str, str]) -> GraphValueSettings:
    """Read the settings of what graphs may use, and no others: for whoever runs graphs without a service.

    Raises:
        SettingsError: with every wrong value at once.
    """
    rows = [row for row in TABLE if row.path[0] == "graph_values"]
    values, complaints = _values_of(rows, environment, {})
    if complaints:
        raise SettingsError(complaints)
    return settings_of(values).graph_values


def _values_of(
    rows: Sequence[Row], environment: Mapping[str, str], names: Mapping[str, str]
) -> tuple[dict[Row, Any], list[str]]:
    """Return the values that the environment gives, and a sentence for each wrong one."""
    values: dict[Row, Any] = {}
    complaints: list[str] = []
    for row in rows:
        variable = next((name for name in row.variables if environment.get(name, "").strip()), None)
        if variable is None:
            continue
        text = environment[variable].strip()
        if not is_sayable(text):
            complaints.append(f"{names.get(variable, variable)} is not UTF-8.")
            continue
        try:
            values[row] = row.kind.read(text)
        except ValueError:
            shown = "(not shown)" if row.kind.secret else _shown(text)
            name = names.get(variable, variable)
            complaints.append(f"{name}={shown} is not usable: expected {row.kind.expected}.")
    return values, complaints


def _shown(text: str) -> str:
    """Return a wrong value as it is shown to people: without control characters, and not endless."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
