"""The ports of a chain's programs, the ways between them, and what the guest counts of them."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from wasm_host.limits import GuestLimits

MOST_PROGRAMS = 32
"""Programs of one chain: what quickjs/symbia.h has room for."""

MOST_OUTLETS = 64
"""Output ports, of all programs together, that lead to others of them: as above."""

ProgramCounts = tuple[int, int]
"""Counts of one program in a call: invocations, and values emitted in all."""


class Way(NamedTuple):
    """One way between two programs: the later one, its input port, and the lane of what goes there at least."""

    program: int
    input_port: int
    lane: int = 0


class Outlet(NamedTuple):
    """An output port whose values go to later programs of its chain, whether they also leave it, and the ways."""

    port: int
    is_told: bool
    ways: tuple[Way, ...]


class ProgramPorts(NamedTuple):
    """The ports of a program of a chain.

    Attributes:
        outputs: how many output ports it has.
        limits: what it may use.
        outlets: those that lead to later programs.
        is_relay: whether there is no program, and what comes is handed on.
    """

    outputs: int
    limits: GuestLimits
    outlets: tuple[Outlet, ...] = ()
    is_relay: bool = False


class ChainPorts:
    """The ports of all programs of a chain, with outlets and ways numbered as the guest does.

    Args:
        programs: each one's ports, in order.

    Attributes:
        programs: as given.
        outlets: of all programs: whose each is, and where its values go.
        ways: of all outlets.
        entries: the inputs that ways lead to: program and port.
    """

    __slots__ = ("_block", "entries", "outlets", "programs", "ways")

    def __init__(self, programs: Sequence[ProgramPorts]) -> None:
        self.programs = programs
        outlets = [(program, outlet) for program, ports in enumerate(programs) for outlet in ports.outlets]
        self.ways = [way for _, outlet in outlets for way in outlet.ways]
        self.outlets = [(program, [way.program for way in outlet.ways]) for program, outlet in outlets]
        self.entries = frozenset((way.program, way.input_port) for way in self.ways)
        self._block = struct.Struct(f"<{5 + 2 * len(programs) + len(outlets)}I")

    @property
    def block_bytes(self) -> int:
        """The length of the chain's status block."""
        return self._block.size

    def read_block(self, block: bytes) -> "Block":
        """Read the status block."""
        address, length, closed, _, begun, *numbers = self._block.unpack(block)
        end = 2 * len(self.programs)
        counts = list(zip(numbers[:end:2], numbers[1:end:2], strict=True))
        return Block(address, length, closed, begun, counts, numbers[end:])


class Block(NamedTuple):
    """A chain's status block: where the output lies, what was closed and begun, done and passed."""

    address: int
    length: int
    closed: int
    begun: int
    counts: list[ProgramCounts]
    passed: list[int]
