"""Settings of the Network: whether and where this service takes part in it, and whose events it lets into graphs.

The names are the platform's own.
"""

from typing import Annotated, Literal

import msgspec

from service.settings.kinds import SWITCH, URL, Kind, Setting, choice

UnownedEvents = Literal["refuse", "admit"]

_NOWHERE = frozenset({"none", "disabled"})


def _read_network(text: str) -> str:
    return text.lower() if text.lower() in _NOWHERE else str(URL.read(text))


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """This service's part in the Network."""

    url: Annotated[
        str,
        Setting(
            ("NETWORK_ENDPOINT", "NETWORK_SERVICE_URL"),
            Kind(expected=f"{URL.expected}, or none", read=_read_network),
            "Where the platform's Network lies; unset, none or disabled, this service takes no part in it.",
        ),
    ] = ""
    relay_enabled: Annotated[
        bool,
        Setting(
            "NETWORK_RELAY_ENABLED",
            SWITCH,
            "Whether this service takes part in the Network where it could.",
        ),
    ] = True
    request_events: Annotated[
        bool,
        Setting(
            "NETWORK_REQUEST_EVENTS",
            SWITCH,
            "Whether each HTTP request is told to the Network, as obs.http.request and obs.http.response.",
        ),
    ] = True
    unowned_events: Annotated[
        UnownedEvents,
        Setting(
            "NETWORK_UNOWNED_EVENTS",
            choice("refuse", "admit"),
            "Whether events that name no organisation enter graphs that belong to one.",
        ),
    ] = "refuse"
    advertised_url: Annotated[
        str,
        Setting(
            "RUNTIME_ADVERTISED_URL",
            URL,
            "Where other services reach this one; unset, the address that it serves on.",
        ),
    ] = ""

    @property
    def is_active(self) -> bool:
        """True where there is a Network, and it is to be used."""
        return bool(self.url) and self.url not in _NOWHERE and self.relay_enabled
