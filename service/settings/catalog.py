"""Settings of the catalog: where it lies, what is published there, and what is run from there.

The names are the platform's own.
"""

import re
from typing import Annotated, Literal

import msgspec

from service.settings.kinds import SWITCH, URL, Kind, Secret, Setting, choice, whole_number

Enforcement = Literal["unset", "strict", "warn", "off"]

CONTRACT_VERSION = "1.3.0"
"""The version of the platform's own contracts of components, which its graphs and apps compare with."""

_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,50})?")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


def _read_version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError
    return text


def _read_token(text: str) -> Secret:
    if not _TOKEN.fullmatch(text):
        raise ValueError
    return Secret(text)


class CatalogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Use of a catalog."""

    url: Annotated[
        str,
        Setting(
            ("CATALOG_ENDPOINT", "CATALOG_SERVICE_URL"),
            URL,
            "Where the catalog lies, with or without /api at the end. Unset, the runtime does without one.",
        ),
    ] = ""
    internal_service_token: Annotated[
        str,
        Setting(
            "CATALOG_INTERNAL_SERVICE_TOKEN",
            Kind(expected="a token of printable ASCII characters without spaces", read=_read_token, secret=True),
            "What the catalog knows its own services by (X-Service-Auth); internal where unset.",
        ),
    ] = Secret()
    timeout_ms: Annotated[
        int,
        Setting(
            "CATALOG_TIMEOUT_MS",
            whole_number(50, 60_000, "milliseconds"),
            "How long the catalog may take to answer one request.",
        ),
    ] = 10_000
    contract_version: Annotated[
        str,
        Setting(
            "RUNTIME_COMPONENT_CONTRACT_VERSION",
            Kind(expected="a version such as 1.3.0", read=_read_version),
            "The version in the manifests of the built-in components.",
        ),
    ] = CONTRACT_VERSION
    register_manifests: Annotated[
        bool,
        Setting(
            "RUNTIME_REGISTER_MANIFESTS",
            SWITCH,
            "Whether a manifest of each built-in component is published in the catalog.",
        ),
    ] = True
    hydrate_graphs: Annotated[
        bool,
        Setting(
            "RUNTIME_HYDRATE_GRAPHS",
            SWITCH,
            "Whether the graphs that are published in the catalog are loaded, and unloaded when they are gone.",
        ),
    ] = True
    auto_execute: Annotated[
        bool,
        Setting(
            "RUNTIME_AUTO_EXECUTE",
            SWITCH,
            (
                "Whether those of them whose role is pipeline or service are executed, and executed again when "
                "they fail."
            ),
        ),
    ] = True
    register_ingress: Annotated[
        bool,
        Setting(
            "RUNTIME_REGISTER_INGRESS",
            SWITCH,
            "Whether the ingress of each of them is published in the catalog.",
        ),
    ] = True
    reconcile_interval_ms: Annotated[
        int,
        Setting(
            "RUNTIME_RECONCILE_INTERVAL_MS",
            whole_number(0, 86_400_000, "milliseconds, 0 for once at the start"),
            "How often the catalog is compared with what is loaded.",
        ),
    ] = 30_000
    fail_fast: Annotated[
        bool,
        Setting(
            "RUNTIME_CATALOG_FAIL_FAST",
            SWITCH,
            "Whether GET /health/ready answers 503 while the catalog does not answer.",
        ),
    ] = False
    manifest_enforcement: Annotated[
        Enforcement,
        Setting(
            "RUNTIME_MANIFEST_ENFORCEMENT",
            choice("strict", "warn", "off"),
            (
                "What becomes of a graph with a component that has no manifest in the catalog: strict refuses it, "
                "and every graph until the catalog was read; warn tells of it in the log; off does not look. "
                "Unset with a catalog, it is strict from the moment on when the catalog was read."
            ),
        ),
    ] = "unset"

    @property
    def demands_manifests(self) -> bool:
        """True where somebody has asked for the gate, which cannot be without a catalog."""
        return self.manifest_enforcement in {"strict", "warn"}
