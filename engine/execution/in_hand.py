"""The messages that one instance has taken and not finished: in hand, or held by its handler."""

from collections.abc import Sequence

from engine.contracts.handler import Handler, Message
from engine.execution.kept_memory import KeptMemory
from engine.execution.shared import ExecutionShared


class InHand:
    """The account of them.

    Args:
        node_index: of the instance's node.
        shared: of its execution.
        handler: the instance's, or one of several, which hold nothing.
        kept_memory: charged for what the handler keeps; None where nothing is.

    Attributes:
        held: messages that the handler holds. They are not finished, and in flight where the handler says so.
    """

    def __init__(
        self, node_index: int, shared: ExecutionShared, handler: Handler, kept_memory: KeptMemory | None
    ) -> None:
        self._node_index = node_index
        self._shared = shared
        self._kept_memory = kept_memory
        self._holds = handler.keeps == "messages"
        self.held = 0

    def empty(self) -> None:
        """Let go of what leads to the handler, once the execution has ended."""
        self._kept_memory = None

    def settle(self, handler: Handler, messages: int, *, is_over: bool = False) -> None:
        """Release the messages of a batch that are done with, but those that the handler holds from now on.

        What they have caused is counted as in flight by now. What is held is not finished; it is in flight where
        it is on its way. Where ``is_over``, nothing is charged any more.
        """
        shared = self._shared
        finished = messages
        if self._holds:
            held = handler.held_messages()
            finished += self.held - held
            self.held = held
            if handler.counts_as_in_flight:
                messages = finished
        if self._kept_memory is not None and not is_over:
            self._kept_memory.settle()
        shared.counters.processed += finished
        shared.in_flight.finish(messages)

    # What the end cuts off: noted as its ``Cancelled`` goes by (``engine.execution.unprocessed``)

    def give_up(self, batch: Sequence[Message]) -> None:
        """Count messages that nothing has come of."""
        self._shared.cut_off.messages[self._node_index] += len(batch)

    def note_undone(self, handler: Handler, batch: int, undone: int) -> None:
        """Count messages that have been cut off; what the handler holds otherwise it still holds.

        Args:
            handler: whose they are.
            batch: how many it has been handed.
            undone: how many of them, or of those that it held, were to leave and have not.
        """
        self._shared.cut_off.messages[self._node_index] += undone
        self.settle(handler, batch - undone, is_over=True)
