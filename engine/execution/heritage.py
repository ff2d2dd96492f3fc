"""The state that an execution leaves to one of a later revision of its graph.

A revision that is published while the one before it runs is started first, and then the old one drains: for a
while both work. What a component keeps between messages is the node's and not the revision's, so the new handlers
take the state itself over and not a copy: what the old ones still add while they drain is not lost
(docs/decisions/0162).
"""

from collections.abc import Iterable, Sequence

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Handler
from engine.execution.instance import Instance


class Heritage:
    """The handlers of one execution, by their nodes, until somebody has taken over from them.

    Args:
        instances: of the execution that goes.
    """

    def __init__(self, instances: Iterable[Instance]) -> None:
        self._former = {
            instance.node.id: (instance.node.definition.component, instance.handlers) for instance in instances
        }

    def pass_on(self, node: CompiledNode, handlers: Sequence[Handler]) -> None:
        """Let the handlers of a node take over from those of the node that had its id, if it did the same work."""
        component, former = self._former.pop(node.id, ("", ()))
        if component != node.definition.component:
            return
        for heir, predecessor in zip(handlers, former, strict=False):  # their number may have changed
            heir.innermost().take_over(predecessor.innermost())
