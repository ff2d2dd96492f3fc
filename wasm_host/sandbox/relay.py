"""The members of a chain that are no programs: what comes by an input leaves by an output, as it came.

Between two programs a built-in component that does no more than that would part the chain. Here it is a few
numbers in the guest (``quickjs/relay.c``), which name the message and copy nothing. When the chain is no more, its
handler does the same, and this is done with: there is nothing to open again, to flush or to close.
"""

import struct
from collections.abc import Sequence

from wasm_host.guest.chain_ports import ProgramPorts
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Link

_OPENING = struct.Struct("<QHHHH")

_LIMITS = GuestLimits(output_bytes=2**62)
"""It makes nothing: what it hands on was within the limits of who made it."""

_TOLD_OUTPUTS = 64
"""Outputs of which the guest can be told that nobody hears them; of others it tells every value."""


class Relay:
    """A member of a chain that only hands on.

    Args:
        relayed: the output of each input.
    """

    def __init__(self, relayed: Sequence[int]) -> None:
        self._relayed = relayed

    def ports(self, link: Link) -> ProgramPorts:
        """Return its ports, as the guest of a chain knows them."""
        return ProgramPorts(max(self._relayed) + 1, _LIMITS, link.outlets, is_relay=True)

    def opening(self, index: int, link: Link) -> bytes:
        """Return the input of symbia_relay for the member with this index."""
        unheard = sum(1 << port for port in link.unconnected_outputs if port < _TOLD_OUTPUTS)
        outlets = link.outlets
        numbers = list(self._relayed)
        for outlet in outlets:
            numbers += [outlet.port, outlet.is_told, len(outlet.ways)]
            numbers += [number for way in outlet.ways for number in way]
        rank = index if link.rank is None else link.rank
        head = _OPENING.pack(unheard, rank, len(self._relayed), len(outlets), 0)
        return head + struct.pack(f"<{len(numbers)}H", *numbers)
