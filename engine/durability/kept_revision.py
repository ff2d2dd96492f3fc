"""The revision of a durable execution as it is kept beside a checkpoint: what a restart has to put together again.

It is written together with the checkpoint, and so is that of the revision, or of the one before it: never a mix.
"""

from collections.abc import Mapping

import msgspec

from engine.errors import CannotGoOnError
from engine.execution.revisions import Revision, Revisions
from proto.codec import encode
from proto.reload import HandledBy


class KeptRevision(msgspec.Struct, frozen=True, array_like=True):
    """A revision.

    Attributes:
        number: of the revision, counted from 1.
        graph_version: the number of the graph's version that its changes begin from.
        components: numbers of the versions of the owner's components, by the names that nodes give them.
        configs: that take the place of those of the version, by the paths of nodes, as they were written: JSON,
            which has larger numbers than the record.
        handled_by: of the nodes that were changed: the author's version, and the revision in which it began.
    """

    number: int
    graph_version: int
    components: Mapping[str, int]
    configs: bytes
    handled_by: Mapping[str, tuple[str, int]]


def kept_revision(revisions: Revisions, handled_by: Mapping[str, HandledBy]) -> KeptRevision | None:
    """Return what is to be kept of the present revision, or of the one before a trial; None of the first one."""
    kept = revisions.kept
    untried = 0 if revisions.untried is None else revisions.number
    if revisions.number == 1:
        return None
    return KeptRevision(
        revisions.number,
        kept.written.number,
        dict(kept.numbers),
        encode(kept.configs),
        {node_id: (by.version, by.revision) for node_id, by in handled_by.items() if by.revision != untried},
    )


def begin_with(
    revisions: Revisions, handled_by: dict[str, HandledBy], revision: Revision, kept: KeptRevision
) -> None:
    """Let an execution begin with a revision that was kept; what it ran before is not."""
    if kept.number < 1:
        raise CannotGoOnError(f"its revision has the number {kept.number}")
    revisions.present = revision
    revisions.number = kept.number
    known = {node_id: HandledBy(version, number) for node_id, (version, number) in kept.handled_by.items()}
    handled_by.update((node_id, by) for node_id, by in known.items() if node_id in revision.graph.index_of)
