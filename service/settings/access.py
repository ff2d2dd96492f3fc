"""Settings of what callers reach, and of what one organisation may have."""

from typing import Annotated, Literal

import msgspec

from service.addresses.origins import RULES_EXPECTED, Origins, read_origins
from service.settings.kinds import Kind, Setting, choice, whole_number

ReadAccess = Literal["authenticated", "open"]
MetricsAccess = Literal["authenticated", "open"]
IngressEnforcement = Literal["strict", "warn", "off"]

_COUNT = whole_number(0, 10_000_000, "0 for no bound")


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Access of callers and web pages."""

    ingress_enforcement: Annotated[
        IngressEnforcement,
        Setting(
            "RUNTIME_INGRESS_ENFORCEMENT",
            choice("strict", "warn", "off"),
            (
                "What the gate of an ingress does with a caller who may not deliver: strict refuses them, warn "
                "notes it in the log and delivers, off does not look. Where callers are not asked who they are, "
                "all may deliver."
            ),
        ),
    ] = "strict"
    read_access: Annotated[
        ReadAccess,
        Setting(
            "READ_ACCESS",
            choice("authenticated", "open"),
            (
                "Who may read graphs and executions where callers are recognised: authenticated is whoever is, "
                "open is also everybody who says nothing of who they are, and then of all organisations, as with "
                "the platform's own runtime; only for a network where nobody else is."
            ),
        ),
    ] = "authenticated"
    metrics_access: Annotated[
        MetricsAccess,
        Setting(
            "METRICS_ACCESS",
            choice("authenticated", "open"),
            (
                "Who may read GET /metrics where callers are recognised: authenticated is whoever is, open is "
                "everybody who reaches the address. Where callers are not asked who they are, it is open."
            ),
        ),
    ] = "authenticated"
    cors_origins: Annotated[
        Origins,
        Setting(
            ("CORS_ALLOWED_ORIGINS", "CORS_ORIGINS"),
            Kind(expected=RULES_EXPECTED, read=read_origins),
            (
                "The web pages that may read what this service answers. Cookies are only taken from pages named "
                "here, and while only this machine is served, foreign pages must be named here to come in; * "
                "names nobody."
            ),
        ),
    ] = Origins()


class QuotaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The share of one organisation; 0 for no bound."""

    max_graphs: Annotated[
        int,
        Setting(
            "ORG_MAX_GRAPHS",
            _COUNT,
            "Graphs that one organisation may have loaded.",
        ),
    ] = 1_000
    max_components: Annotated[
        int,
        Setting(
            "ORG_MAX_COMPONENTS",
            _COUNT,
            "Components that one organisation may register.",
        ),
    ] = 1_000
    max_executions: Annotated[
        int | None,
        Setting(
            "ORG_MAX_EXECUTIONS",
            _COUNT,
            (
                "Executions that one organisation may have under way, within MAX_CONCURRENT_EXECUTIONS; unset, "
                "half of them where callers are recognised."
            ),
        ),
    ] = None
    max_instances: Annotated[
        int | None,
        Setting(
            "ORG_MAX_INSTANCES",
            _COUNT,
            (
                "Instances of sandboxed code that one organisation may have alive, within those that there may be "
                "at all; unset, half of them where callers are recognised."
            ),
        ),
    ] = None
    max_bytes_per_second: Annotated[
        int,
        Setting(
            "ORG_MAX_BYTES_PER_SECOND",
            whole_number(0, 10**12, "0 for no bound"),
            "Bytes of values that one organisation may inject in a second; beyond it, status 429.",
        ),
    ] = 0
