"""Settings of telemetry: whether and where what this service measures is sent to the platform's logging service.

A part of the one table in ``service.settings.table``, apart for its length. The names are the platform's own.
"""

import re
from typing import Literal

from service.settings.catalog import CatalogSettings
from service.settings.identity import DEFAULT_IDENTITY_URL, Secret
from service.settings.kinds import SWITCH, URL, Kind, choice

AuthMode = Literal["unset", "system", "apikey", "bearer", "none"]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]{1,8192}")


class TelemetrySettings(CatalogSettings, frozen=True, kw_only=True):
    """Where telemetry goes. ``TELEMETRY_ROWS`` says what each field means."""

    logging_url: str = ""
    telemetry_enabled: bool = True
    telemetry_auth_mode: AuthMode = "unset"
    telemetry_api_key: str = Secret()
    telemetry_bearer: str = Secret()
    telemetry_org_id: str = ""
    telemetry_env: str = "dev"
    service_id: str = "runtime"

    @property
    def sends_telemetry(self) -> bool:
        """Whether there is a logging service, and it is to be used."""
        return bool(self.logging_url) and self.telemetry_enabled

    @property
    def effective_telemetry_auth_mode(self) -> AuthMode:
        """What TELEMETRY_AUTH_MODE comes to: unset, it follows from what is given to identify with."""
        if self.telemetry_auth_mode != "unset":
            return self.telemetry_auth_mode
        if self.telemetry_api_key:
            return "apikey"
        return "bearer" if self.telemetry_bearer else "system"

    @property
    def bootstrap_identity_url(self) -> str:
        """The Identity that knows the system's secret."""
        return self.identity_service_url or DEFAULT_IDENTITY_URL


def _read_label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError
    return text


def _read_credential(text: str) -> Secret:
    if not _HEADER_TEXT.fullmatch(text):
        raise ValueError
    return Secret(text)


_LABEL_KIND = Kind(expected="letters, digits and . _ / : -, at most 100 of them", read=_read_label)
_CREDENTIAL = Kind(expected="a text of ASCII characters without spaces", read=_read_credential, secret=True)

TELEMETRY_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "logging_url",
        ("TELEMETRY_ENDPOINT", "LOGGING_ENDPOINT", "LOGGING_BASE_URL", "LOGGING_SERVICE_URL"),
        URL,
        (
            "Where the platform's logging service lies; unset, no telemetry is sent. "
            "/api is appended unless it ends so."
        ),
    ),
    ("telemetry_enabled", ("TELEMETRY_ENABLED",), SWITCH, "Whether telemetry is sent where it could be."),
    (
        "telemetry_auth_mode",
        ("TELEMETRY_AUTH_MODE", "LOGGING_AUTH_MODE"),
        choice("system", "apikey", "bearer", "none"),
        (
            "How the logging service is told who sends: with the system's secret, which Identity is asked for; "
            "with TELEMETRY_API_KEY; with TELEMETRY_BEARER; not at all. Unset, whichever of the two is given, and "
            "otherwise system."
        ),
    ),
    (
        "telemetry_api_key",
        ("TELEMETRY_API_KEY", "LOGGING_API_KEY"),
        _CREDENTIAL,
        "The API key for the logging service.",
    ),
    (
        "telemetry_bearer",
        ("TELEMETRY_BEARER", "LOGGING_BEARER"),
        _CREDENTIAL,
        "The bearer token for the logging service.",
    ),
    (
        "telemetry_org_id",
        ("TELEMETRY_ORG_ID", "LOGGING_ORG_ID"),
        _LABEL_KIND,
        "The organisation that telemetry belongs to; with the system's secret, Identity names it.",
    ),
    (
        "telemetry_env",
        ("TELEMETRY_ENV", "LOGGING_ENV", "NODE_ENV"),
        _LABEL_KIND,
        "The environment that telemetry is marked with.",
    ),
    ("service_id", ("SERVICE_ID",), _LABEL_KIND, "What this service is called in telemetry and on the Network."),
)
