"""Settings of telemetry: whether and where what this service measures is sent to the platform's logging service.

The names are the platform's own.
"""

import re
from typing import Annotated, Literal

import msgspec

from service.settings.kinds import SWITCH, URL, Kind, Secret, Setting, choice

AuthMode = Literal["unset", "system", "apikey", "bearer", "none"]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]{1,8192}")


def _read_label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError
    return text


def _read_credential(text: str) -> Secret:
    if not _HEADER_TEXT.fullmatch(text):
        raise ValueError
    return Secret(text)


LABEL = Kind(expected="letters, digits and . _ / : -, at most 100 of them", read=_read_label)
_CREDENTIAL = Kind(expected="a text of ASCII characters without spaces", read=_read_credential, secret=True)


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The way of telemetry."""

    url: Annotated[
        str,
        Setting(
            ("TELEMETRY_ENDPOINT", "LOGGING_ENDPOINT", "LOGGING_BASE_URL", "LOGGING_SERVICE_URL"),
            URL,
            (
                "Where the platform's logging service lies; unset, no telemetry is sent. /api is appended unless "
                "it ends so."
            ),
        ),
    ] = ""
    enabled: Annotated[
        bool,
        Setting(
            "TELEMETRY_ENABLED",
            SWITCH,
            "Whether telemetry is sent where it could be.",
        ),
    ] = True
    auth_mode: Annotated[
        AuthMode,
        Setting(
            ("TELEMETRY_AUTH_MODE", "LOGGING_AUTH_MODE"),
            choice("system", "apikey", "bearer", "none"),
            (
                "How the logging service is told who sends: with the system's secret, which Identity is asked "
                "for; with TELEMETRY_API_KEY; with TELEMETRY_BEARER; not at all. Unset, whichever of the two is "
                "given, and otherwise system."
            ),
        ),
    ] = "unset"
    api_key: Annotated[
        str,
        Setting(
            ("TELEMETRY_API_KEY", "LOGGING_API_KEY"),
            _CREDENTIAL,
            "The API key for the logging service.",
        ),
    ] = Secret()
    bearer: Annotated[
        str,
        Setting(
            ("TELEMETRY_BEARER", "LOGGING_BEARER"),
            _CREDENTIAL,
            "The bearer token for the logging service.",
        ),
    ] = Secret()
    org_id: Annotated[
        str,
        Setting(
            ("TELEMETRY_ORG_ID", "LOGGING_ORG_ID"),
            LABEL,
            "The organisation that telemetry belongs to; with the system's secret, Identity names it.",
        ),
    ] = ""
    env: Annotated[
        str,
        Setting(
            ("TELEMETRY_ENV", "LOGGING_ENV", "NODE_ENV"),
            LABEL,
            "The environment that telemetry is marked with.",
        ),
    ] = "dev"

    @property
    def is_active(self) -> bool:
        """True where there is a logging service, and it is to be used."""
        return bool(self.url) and self.enabled

    @property
    def effective_auth_mode(self) -> AuthMode:
        """The value that TELEMETRY_AUTH_MODE comes to: unset, it follows from what is given to identify with."""
        if self.auth_mode != "unset":
            return self.auth_mode
        if self.api_key:
            return "apikey"
        return "bearer" if self.bearer else "system"
