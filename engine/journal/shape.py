"""The shape of the graph that the records of a recording speak of, and the error of what is no recording."""

from collections.abc import Sequence

import msgspec


class RecordingError(ValueError):
    """Bytes that are no recording, or a damaged one; the message says what is wrong, and where."""


class Shape(msgspec.Struct, frozen=True):
    """The shape of the graph that records speak of.

    Attributes:
        inputs: how many input ports each node has.
        outputs: the same of output ports.
        edges: the index of the node that each edge leaves.
    """

    inputs: Sequence[int]
    outputs: Sequence[int]
    edges: Sequence[int]
