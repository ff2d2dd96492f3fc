"""Settings of where outgoing requests may go."""

from typing import Annotated

import msgspec

from service.addresses.outbound_rules import (
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
from service.settings.kinds import Kind, Setting, choice


class OutboundSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of requests by graphs, and for the sources of components."""

    mode: Annotated[
        OutboundMode,
        Setting(
            "OUTBOUND",
            choice("guarded", "listed", "open", "off"),
            (
                "Where requests of graphs, and for the sources of components, may go: the public Internet and "
                "what OUTBOUND_ALLOW names; only what it names; anywhere; nowhere."
            ),
        ),
    ] = "guarded"
    allow: Annotated[
        AllowList,
        Setting(
            "OUTBOUND_ALLOW",
            Kind(expected=ALLOW_EXPECTED, read=read_allow_list),
            "What may be reached beyond the public Internet; without a port, at the ports of OUTBOUND_PORTS.",
        ),
    ] = AllowList()
    ports: Annotated[
        PortSet,
        Setting(
            "OUTBOUND_PORTS",
            Kind(expected=PORTS_EXPECTED, read=read_ports),
            "The ports at which hosts may be reached.",
        ),
    ] = DEFAULT_PORTS

    def rules(self) -> OutboundRules:
        """Return the rules of where outgoing requests may go."""
        return OutboundRules(allow=self.allow, ports=self.ports)
