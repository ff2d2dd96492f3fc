"""Lanes: whether a value counts as canonical or as apocryphal, and how that passes from value to value. Pure.

A lane only ever tightens. An emission is apocryphal if what it derives from is, or if its port says so; nothing
in a graph makes an apocryphal value canonical again (docs/lanes.md). Lanes travel as small integers, so that the
tightest of two is the greater, and so that a graph that uses none pays for comparing two zeros.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter

from proto.component import ERROR_PORT, ComponentDefinition, PortLane
from proto.message import Lane

CANONICAL = 0
APOCRYPHAL = 1

NAMES: tuple[Lane, Lane] = ("canonical", "apocryphal")
"""The lanes' names, by their number."""

NUMBERS: dict[Lane, int] = {name: number for number, name in enumerate(NAMES)}

_lane_of = itemgetter(0)


REGISTERED_NOTE = "the code is its author's own, and nobody has vouched for it"
"""The reason, for people, why a registered component's values are apocryphal."""


def shown_lanes(definition: ComponentDefinition) -> dict[str, tuple[PortLane, str]]:
    """Return the lane of each declared output port, as it is and not as it is claimed, and a note for people."""
    if definition.execution.type != "builtin":
        return {port.name: ("apocryphal", REGISTERED_NOTE) for port in definition.ports.outputs}
    return {port.name: (port.lane, port.lane_note) for port in definition.ports.outputs}


def emits_apocryphal(definition: ComponentDefinition) -> bool:
    """Return whether nothing that a component makes is ever canonical; its ``error`` port is left aside."""
    made = [lane for name, (lane, _) in shown_lanes(definition).items() if name != ERROR_PORT]
    return bool(made) and all(lane == "apocryphal" for lane in made)


def port_lanes(
    definition: ComponentDefinition, outputs: Sequence[str], own: AbstractSet[str] = frozenset()
) -> tuple[int, ...]:
    """Return the lane that each output port holds its values to at least, by the port's index; ``own`` hold theirs
    to none.

    The code of a registered component is its author's own affair, and what it declares of itself proves nothing:
    all that it emits is apocryphal. So is what leaves an ``error`` port, for a refusal is nobody's result.
    """
    if definition.execution.type != "builtin":
        return (APOCRYPHAL,) * len(outputs)
    apocryphal = {port.name for port in definition.ports.outputs if port.lane == "apocryphal"} | {ERROR_PORT}
    return tuple(APOCRYPHAL if name in apocryphal - own else CANONICAL for name in outputs)


def runs(
    emissions: Sequence[tuple[int, bytes]], lanes: Sequence[int]
) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Emissions in their order, cut where the lane changes: each run with its lane."""
    for lane, run in groupby(zip(lanes, emissions, strict=True), _lane_of):
        yield lane, [emission for _, emission in run]
