"""The memory of what one instance's handler keeps between messages: delayed values, half of a pair, a state.

What it is handed is charged before it gets it, so that a full ledger is met by a message that waits and not by
one that is kept already. How much it keeps afterwards, it says itself. What a sandboxed component writes into its
state is known only when it has been written; where there is no memory for it, its execution fails, which releases
all that it holds.
"""

from collections.abc import Sequence

from engine.circuit import Circuit
from engine.handler import Handler, Message
from engine.inbox import Inbox
from engine.lease import MESSAGE_BYTES
from proto.execution import ExecutionError

_SLACK_BYTES = 32 * 1024
"""What may be charged and not used before it is released, so that not every message asks the ledger."""


class Keeping:
    """What is charged for one handler.

    Args:
        handler: keeps something.
        circuit: of its execution, which has an account.
        inbox: of its node.
        node_id: for the reason of a failure.
    """

    def __init__(self, handler: Handler, circuit: Circuit, inbox: Inbox, node_id: str) -> None:
        assert circuit.account is not None  # noqa: S101 - whoever makes it has looked
        self._handler = handler
        self._circuit = circuit
        self._account = circuit.account
        self._inbox = inbox
        self._node_id = node_id
        self._charged_bytes = 0

    def try_room(self, batch: Sequence[Message]) -> bool:
        """Charge what the handler might keep of these messages; whether it could be charged."""
        if self._handler.keeps != "messages":
            return True
        size = sum([len(message.value) for message in batch])
        more = self._handler.held_bytes() + size + MESSAGE_BYTES * len(batch) - self._charged_bytes
        if more <= 0:
            return True
        if self._account.try_charge(more + _SLACK_BYTES, "handlers"):
            more += _SLACK_BYTES
        elif self._account.try_charge(more, "handlers", is_under_way=True):
            pass
        elif size <= self._inbox.credit_bytes:  # it takes the place of what the node has taken from its inbox
            self._inbox.credit_bytes -= size
            self._account.note(more, "handlers")
        else:
            return False
        self._charged_bytes += more
        return True

    def refusal(self, batch: Sequence[Message]) -> str:
        """Why there is no room for them."""
        size = sum([len(message.value) for message in batch])
        return str(self._account.refusal(size) or "there was no memory for what the node keeps")

    def lend(self) -> None:
        """Let what the handler keeps no more leave the node in the place that it has in memory."""
        self._inbox.credit_bytes += max(0, self._charged_bytes - self._handler.held_bytes())

    def settle(self) -> None:
        """Charge or release the difference to what the handler keeps now."""
        held = self._handler.held_bytes()
        if held > self._charged_bytes:
            self._grow(held)
        elif self._charged_bytes > held + 2 * _SLACK_BYTES:
            self._account.release(self._charged_bytes - held, "handlers")
            self._charged_bytes = held

    def _grow(self, held: int) -> None:
        more = held - self._charged_bytes
        refusal = self._account.refusal(more)
        self._account.note(more, "handlers")  # also where it is too much: it is there for now
        self._charged_bytes = held
        if refusal is not None:
            self._circuit.fail(ExecutionError(f"Node {self._node_id} keeps too much: {refusal}", self._node_id))
