"""What clients know of their messages, and the verdict on what came out. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec


class Sent(msgspec.Struct):
    """The messages of one client to one execution.

    Attributes:
        acknowledged: numbers that the service has answered for.
        unknown: numbers that no answer came for: each is there once, or not at all.
        refused: numbers that it has refused: none of them is there.
    """

    acknowledged: set[int] = msgspec.field(default_factory=set)
    unknown: set[int] = msgspec.field(default_factory=set)
    refused: set[int] = msgspec.field(default_factory=set)


def complaints(sent: Mapping[int, Sent], outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with the outputs of an execution that has completed.

    Args:
        sent: by client.
        outputs: of its tally, in the order in which they left; all of them.
    """
    found: list[str] = []
    total = 0
    for count, output in enumerate(outputs, 1):
        total += output["n"]
        if (output["count"], output["sum"]) != (count, total):
            found.append(f"output {count} says {dict(output)}, and {count} numbers before make {total}")
            break
    for client, messages in sent.items():
        numbers = [output["n"] for output in outputs if output["c"] == client]
        found += [f"client {client}: {each}" for each in _of_one(messages, numbers)]
    return found


def _of_one(sent: Sent, numbers: Sequence[int]) -> list[str]:
    there = set(numbers)
    wrong = {
        "acknowledged and lost": sent.acknowledged - there,
        "refused and there": there & sent.refused,
        "never sent": there - sent.acknowledged - sent.unknown - sent.refused,
        "there twice": {number for number in there if numbers.count(number) > 1}
        if len(there) < len(numbers)
        else set(),
        "out of order": {later for earlier, later in pairwise(numbers) if later < earlier},
    }
    return [f"{what}: {sorted(which)[:10]} ({len(which)})" for what, which in wrong.items() if which]
