"""The limits of one guest. On by default; the service may lower or raise them per component."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, get_type_hints

import msgspec

_MIB = 1024 * 1024


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: all that is said of it beside its default.

    Attributes:
        maximum: what a component may ask for where the service says nothing else; None where it cannot ask.
        in_quickjs: whether the QuickJS guest keeps the limit itself, and so has to know it.
        in_chain: how a guest that runs several programs gets its own limit from theirs; None where each program's
            limit holds only while that program is opened or closed.
        output_bytes: what one unit of it may take of the output of a call.
    """

    maximum: int | None = None
    in_quickjs: bool = False
    in_chain: Callable[[Iterable[int]], int] | None = None
    output_bytes: int = 0


class GuestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one guest instance. Each ends the invocation that meets it, and never the service.

    A new limit is a field here. What else is to be changed, ``tests/wasm_host/test_limits_table.py`` says: where
    a component may ask for it, the field of ``proto.component.ExecutionLimits`` and the maximum in
    ``service.settings.guest``; and the code that keeps it. The header of the QuickJS guest, the document that
    tells it the limits, and the limits of a chain's guest are made from this table.
    """

    memory_bytes: Annotated[int, Limit(maximum=256 * _MIB, in_chain=sum)] = 64 * _MIB
    """Linear memory. A message takes as much as its text, and the parts of it that a program looks at four times
    theirs, eight if they are written, too; of digits or of empty objects twenty and forty-five times."""

    cpu_ms: Annotated[int, Limit(maximum=30_000)] = 2_000
    """Processor time of one invocation, looked at after each slice. A loop without end costs this much."""

    wall_ms: Annotated[int, Limit(maximum=300_000, in_chain=min)] = 30_000
    """Time on the clock of one invocation; longer than cpu_ms because guests wait for their turns."""

    close_ms: Annotated[int, Limit(maximum=1_000)] = 200
    """Computing time of cleanup: a stop must not wait for a component that does not want to end."""

    emissions: Annotated[int, Limit(maximum=100_000, in_quickjs=True, in_chain=max, output_bytes=16)] = 10_000
    """Values emitted by one invocation: one message may not become an avalanche unnoticed."""

    output_bytes: Annotated[int, Limit(maximum=64 * _MIB, in_quickjs=True, in_chain=max, output_bytes=1)] = (
        8 * _MIB
    )
    """JSON text emitted by one invocation: beyond it, emit throws."""

    log_lines: Annotated[int, Limit(maximum=10_000, in_quickjs=True)] = 1_000
    """Log lines kept of one invocation; further ones are dropped, and their number is logged."""

    log_bytes: Annotated[int, Limit(maximum=4 * _MIB, in_quickjs=True, in_chain=max, output_bytes=1)] = 256 * 1024
    """JSON text of the log lines kept of one invocation."""

    state_keys: Annotated[int, Limit(maximum=100_000, in_quickjs=True)] = 1_000
    """Keys that one instance's state may hold: beyond it, setState throws."""

    state_bytes: Annotated[int, Limit(maximum=32 * _MIB, in_quickjs=True, in_chain=max, output_bytes=1)] = _MIB
    """Keys and JSON text that one instance's state may hold; the host keeps a copy of each."""

    source_bytes: Annotated[int, Limit()] = _MIB
    """UTF-8 text of one program: parsing is the guest's work, but the text travels through the host."""

    module_bytes: Annotated[int, Limit()] = 32 * _MIB
    """A WebAssembly module or component. One written in Python has 18 MB, nearly all of them Python's own."""

    compile_ms: Annotated[int, Limit()] = 90_000
    """Time on the clock to compile one, in a process of its own. One written in Python takes 10 s."""

    translate_ms: Annotated[int, Limit()] = 2_000
    """Computing time for reading a program in TypeScript: 1 MB takes 300 ms, unless it was made to take long."""

    table_elements: Annotated[int, Limit()] = 100_000
    """Entries of a module's tables, which live in the host's memory and not in the guest's."""


LIMITS: dict[str, Limit] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(GuestLimits, include_extras=True).items()
}
"""The description of each limit, by its name."""

MAXIMUM_LIMITS = GuestLimits(**{name: each.maximum for name, each in LIMITS.items() if each.maximum is not None})
"""The most that a component may ask for, where the service says nothing else; what it does not ask for is as
above.

Four to fifty times the default: room for a component that needs it, and still less than a machine has."""


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


QUICKJS_LIMITS = {name: _camel(name) for name, each in LIMITS.items() if each.in_quickjs}
"""The limits that the QuickJS guest keeps itself: the member of its C struct, and the key in its open document."""


def chain_limits(programs: Sequence[GuestLimits]) -> GuestLimits:
    """Return what holds for a guest that runs several programs, as a whole."""
    together = {
        name: each.in_chain(getattr(limits, name) for limits in programs)
        for name, each in LIMITS.items()
        if each.in_chain is not None
    }
    return msgspec.structs.replace(programs[0], **together)


def most_output_bytes(limits: GuestLimits) -> int:
    """Return how many bytes of records one invocation may write within its limits."""
    return sum(each.output_bytes * getattr(limits, name) for name, each in LIMITS.items())


MAX_INSTANCES = 2_000
"""Guests alive at once in one host: a gigabyte when all are idle, and two graphs of the largest size."""

PROCESS_MEMORY_BYTES = 256 * 1024 * 1024
"""Linear memory of all guests of a host together, but for the first 2 MiB of each: what a machine of 2 GB can
spare beside everything else. An operator with more says so."""

OWNER_MEMORY_BYTES = 192 * 1024 * 1024
"""The same for the guests of one owner: three quarters, so that others' can grow beside them."""
