"""The events that values follow from, as far as that is known; where it is not sure, nothing is said. Pure.

An injected message follows from the event that it was injected for. What a node emits follows from the message
that it was invoked with. Nodes are invoked with batches, and nobody says which emission belongs to which message
of one; so where the messages of a batch follow from different events, what is emitted follows from none. The same
holds for built-in components that keep what they get and give it out later (delay, accumulator, merge, timer,
...): theirs may follow from any message before. Foreign code emits while it is invoked and at no other time, so
there the message in hand is the trigger, whatever else the component may remember.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.component import Builtin
from engine.contracts.handler import Message

KNOWN_MESSAGES = 20_000
"""Messages whose cause is known and that have not been processed. Beyond it the oldest are forgotten."""


class Causes:
    """The causes of messages: events followed through one execution.

    Args:
        graph: the graph that it runs.
    """

    def __init__(self, graph: LoadedGraph) -> None:
        self._of_message: dict[int, str] = {}
        self._of_node: dict[str, deque[str]] = {
            node.id: deque(maxlen=node.definition.concurrency)
            for node in graph.nodes
            if not isinstance(node.component, Builtin) or node.component.definition.stateless
        }

    def __len__(self) -> int:
        return len(self._of_message)

    def enter(self, messages: Sequence[Message], cause: str) -> None:
        """Note messages that enter, and the event that they follow from; "" for none."""
        if cause:
            for message in messages:
                self._remember(message.sequence, cause)

    def invoke(self, node_id: str, batch: Sequence[Message]) -> None:
        """Note that a node is invoked with messages, of which it will be invoked with none again."""
        causes = {self._of_message.pop(message.sequence, "") for message in batch}
        recent = self._of_node.get(node_id)
        if recent is not None:
            recent.append(causes.pop() if len(causes) == 1 else "")

    def of(self, node_id: str) -> str:
        """Return the event that a node's emission follows from at this moment; "" where that is not known.

        A node that works on several batches at once emits of any of them.
        """
        recent: Sequence[str] = self._of_node.get(node_id, ())
        return recent[0] if len(set(recent)) == 1 else ""

    def send(self, node_id: str, message: Message) -> None:
        """Note that a node's emission is on its way."""
        cause = self.of(node_id)
        if cause:
            self._remember(message.sequence, cause)

    def known(self) -> Mapping[int, str]:
        """Return the causes of messages on their way, by sequence number."""
        return self._of_message

    def _remember(self, sequence: int, cause: str) -> None:
        if len(self._of_message) >= KNOWN_MESSAGES:
            del self._of_message[next(iter(self._of_message))]
        self._of_message[sequence] = cause
