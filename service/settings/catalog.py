"""Settings of the catalog: where it lies, what is published there, and what is run from there.

A part of the one table in ``service.settings.table``, apart for its length. The names are the platform's own.
"""

import re
from typing import Literal

from service.settings.identity import IdentitySettings, Secret
from service.settings.kinds import SWITCH, URL, Kind, choice, whole_number

Enforcement = Literal["unset", "strict", "warn", "off"]

CONTRACT_VERSION = "1.3.0"
"""The version of the platform's own contracts of components, which its graphs and apps compare with."""

_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,50})?")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class CatalogSettings(IdentitySettings, frozen=True, kw_only=True):
    """What is done with a catalog. ``CATALOG_ROWS`` says what each field means."""

    catalog_service_url: str = ""
    catalog_internal_service_token: str = Secret()
    catalog_timeout_ms: int = 10_000
    component_contract_version: str = CONTRACT_VERSION
    register_manifests: bool = True
    hydrate_graphs: bool = True
    auto_execute: bool = True
    register_ingress: bool = True
    reconcile_interval_ms: int = 30_000
    catalog_fail_fast: bool = False
    manifest_enforcement: Enforcement = "unset"

    @property
    def demands_manifests(self) -> bool:
        """Whether somebody has asked for the gate, which cannot be without a catalog."""
        return self.manifest_enforcement in {"strict", "warn"}


def _read_version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError
    return text


def _read_token(text: str) -> Secret:
    if not _TOKEN.fullmatch(text):
        raise ValueError
    return Secret(text)


CATALOG_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "catalog_service_url",
        ("CATALOG_ENDPOINT", "CATALOG_SERVICE_URL"),
        URL,
        "Where the catalog lies, with or without /api at the end. Unset, the runtime does without one.",
    ),
    (
        "catalog_internal_service_token",
        ("CATALOG_INTERNAL_SERVICE_TOKEN",),
        Kind(expected="a token of printable ASCII characters without spaces", read=_read_token, secret=True),
        "What the catalog knows its own services by (X-Service-Auth); internal where unset.",
    ),
    (
        "catalog_timeout_ms",
        ("CATALOG_TIMEOUT_MS",),
        whole_number(50, 60_000, "milliseconds"),
        "How long the catalog may take to answer one request.",
    ),
    (
        "component_contract_version",
        ("RUNTIME_COMPONENT_CONTRACT_VERSION",),
        Kind(expected="a version such as 1.3.0", read=_read_version),
        "The version in the manifests of the built-in components.",
    ),
    (
        "register_manifests",
        ("RUNTIME_REGISTER_MANIFESTS",),
        SWITCH,
        "Whether a manifest of each built-in component is published in the catalog.",
    ),
    (
        "hydrate_graphs",
        ("RUNTIME_HYDRATE_GRAPHS",),
        SWITCH,
        "Whether the graphs that are published in the catalog are loaded, and unloaded when they are gone.",
    ),
    (
        "auto_execute",
        ("RUNTIME_AUTO_EXECUTE",),
        SWITCH,
        "Whether those of them whose role is pipeline or service are executed, and executed again when they fail.",
    ),
    (
        "register_ingress",
        ("RUNTIME_REGISTER_INGRESS",),
        SWITCH,
        "Whether the ingress of each of them is published in the catalog.",
    ),
    (
        "reconcile_interval_ms",
        ("RUNTIME_RECONCILE_INTERVAL_MS",),
        whole_number(0, 86_400_000, "milliseconds, 0 for once at the start"),
        "How often the catalog is compared with what is loaded.",
    ),
    (
        "catalog_fail_fast",
        ("RUNTIME_CATALOG_FAIL_FAST",),
        SWITCH,
        "Whether GET /health/ready answers 503 while the catalog does not answer.",
    ),
    (
        "manifest_enforcement",
        ("RUNTIME_MANIFEST_ENFORCEMENT",),
        choice("strict", "warn", "off"),
        (
            "What becomes of a graph with a component that has no manifest in the catalog: strict refuses it, and "
            "every graph until the catalog was read; warn tells of it in the log; off does not look. Unset with a "
            "catalog, it is strict from the moment on when the catalog was read."
        ),
    ),
)
