"""The comparison of what a run emitted with what it should have: the first difference of each node. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Literal

import msgspec

from engine.journal.head import Head
from engine.replaying.script import Emission, Place
from proto.codec import MalformedJsonError, decode
from proto.recording import NodeDifference

Kind = Literal["value", "missing", "extra", "order"]


def compare(
    expected: Mapping[Place, Sequence[Emission]],
    actual: Mapping[Place, Sequence[Emission]],
    rank_of: Mapping[str, int],
    *,
    first: int = 0,
    is_whole: bool = True,
) -> tuple[list[NodeDifference], int]:
    """Return the first difference of each node, the earliest first, and how many values were compared.

    Args:
        expected: what each output port should have emitted.
        actual: what it has emitted.
        rank_of: tells of each node which others come before it, where several differ at one moment.
        first: the number of the first emission that counts.
        is_whole: whether what was emitted beyond the expected is a difference, too.
    """
    found: dict[str, NodeDifference] = {}
    compared = 0
    for place in [*expected, *(place for place in actual if place not in expected)]:
        wanted, came = expected.get(place, ()), actual.get(place, ())
        compared += min(len(wanted), len(came))
        difference = _difference(place, wanted, came, first=first, is_whole=is_whole)
        if difference is not None:
            other = found.get(place[0])
            if other is None or difference.sequence < other.sequence:
                found[place[0]] = difference
    return sorted(found.values(), key=lambda each: (each.sequence, rank_of.get(each.node_id, 0))), compared


def _difference(
    place: Place, wanted: Sequence[Emission], came: Sequence[Emission], *, first: int, is_whole: bool
) -> NodeDifference | None:
    for index, (one, other) in enumerate(zip(wanted, came, strict=False)):
        if one.sequence >= first and not is_same(one.value, other.value):
            length = len(wanted) if is_whole else min(len(wanted), len(came))
            is_order = _bag(wanted) == _bag(came[:length]) and len(came) >= len(wanted)
            return _told(place, index, one.sequence, "order" if is_order else "value", one, other)
    if len(came) < len(wanted):
        one = wanted[max(len(came), 0)]
        later = next((each for each in wanted[len(came) :] if each.sequence >= first), None)
        return None if later is None else _told(place, len(came), one.sequence, "missing", one, None)
    if len(came) > len(wanted) and is_whole:
        other = came[len(wanted)]
        return _told(place, len(wanted), other.sequence, "extra", None, other)
    return None


def _told(
    place: Place, index: int, sequence: int, kind: Kind, expected: Emission | None, actual: Emission | None
) -> NodeDifference:
    return NodeDifference(
        node_id=place[0],
        port=place[1],
        place=index + 1,
        sequence=sequence,
        kind=kind,
        expected=msgspec.UNSET if expected is None else msgspec.Raw(expected.value),
        actual=msgspec.UNSET if actual is None else msgspec.Raw(actual.value),
    )


def _bag(emissions: Sequence[Emission]) -> Counter[bytes]:
    return Counter([each.value for each in emissions])


def is_same(one: bytes, other: bytes) -> bool:
    """Return whether two JSON texts say the same; a number may be spelt in another way."""
    if one == other:
        return True
    try:
        return bool(decode(one, len(one)) == decode(other, len(other)))
    except MalformedJsonError:
        return False


def ranks(head: Head) -> dict[str, int]:
    """Return the place of each node in an order in which each comes after all that feed it."""
    following: dict[int, list[int]] = {}
    feeding = [0] * len(head.nodes)
    for edge in head.edges:
        following.setdefault(edge.source[0], []).append(edge.target[0])
        feeding[edge.target[0]] += 1
    ready = [index for index, count in enumerate(feeding) if not count]
    found: dict[str, int] = {}
    for index in ready:
        found[head.nodes[index].id] = len(found)
        for later in following.get(index, ()):
            feeding[later] -= 1
            if not feeding[later]:
                ready.append(later)
    return found


def numbered(
    emissions: Mapping[Place, Sequence[Emission]], recorded: Mapping[Place, Sequence[Emission]]
) -> Mapping[Place, Sequence[Emission]]:
    """Return emissions with the numbers of those that were recorded in their places, where any were."""
    if not recorded:
        return emissions
    return {
        place: [
            Emission(known.sequence, one.value)
            for one, known in zip_longest(values, recorded.get(place, ())[: len(values)], fillvalue=values[-1])
        ]
        for place, values in emissions.items()
    }
