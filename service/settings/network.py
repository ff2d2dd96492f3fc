"""Settings of the Network: whether and where this service takes part in it, and whose events it lets into graphs.

A part of the one table in ``service.settings.table``, apart for its length. The names are the platform's own.
"""

from typing import Literal

from service.settings.kinds import SWITCH, URL, Kind, choice
from service.settings.live import LiveSettings

UnownedEvents = Literal["refuse", "admit"]

_NOWHERE = frozenset({"none", "disabled"})


class NetworkSettings(LiveSettings, frozen=True, kw_only=True):
    """How this service takes part in the Network. ``NETWORK_ROWS`` says what each field means."""

    network_url: str = ""
    network_relay_enabled: bool = True
    network_request_events: bool = True
    network_unowned_events: UnownedEvents = "refuse"
    advertised_url: str = ""

    @property
    def takes_part_in_network(self) -> bool:
        """Whether there is a Network, and it is to be used."""
        return bool(self.network_url) and self.network_url not in _NOWHERE and self.network_relay_enabled


def _read_network(text: str) -> str:
    return text.lower() if text.lower() in _NOWHERE else str(URL.read(text))


NETWORK_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "network_url",
        ("NETWORK_ENDPOINT", "NETWORK_SERVICE_URL"),
        Kind(expected=f"{URL.expected}, or none", read=_read_network),
        "Where the platform's Network lies; unset, none or disabled, this service takes no part in it.",
    ),
    (
        "network_relay_enabled",
        ("NETWORK_RELAY_ENABLED",),
        SWITCH,
        "Whether this service takes part in the Network where it could.",
    ),
    (
        "network_request_events",
        ("NETWORK_REQUEST_EVENTS",),
        SWITCH,
        "Whether each HTTP request is told to the Network, as obs.http.request and obs.http.response.",
    ),
    (
        "network_unowned_events",
        ("NETWORK_UNOWNED_EVENTS",),
        choice("refuse", "admit"),
        "Whether events that name no organisation enter graphs that belong to one.",
    ),
    (
        "advertised_url",
        ("RUNTIME_ADVERTISED_URL",),
        URL,
        "Where other services reach this one; unset, the address that it serves on.",
    ),
)
