"""The memory that the calls of a chain have made, charged until the work of a turn is done."""

from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError

LIGHT_BYTES = 16 * 1024
"""Bytes that a call may make uncharged."""


class Charge:
    """The account of one chain.

    Args:
        shared: of the execution.
        node_id: of its first member, for the message of what is too much.

    Attributes:
        size_bytes: that are charged.
    """

    def __init__(self, shared: ExecutionShared, node_id: str) -> None:
        self.size_bytes = 0
        self._shared = shared
        self._node_id = node_id

    def hold(self, made_bytes: int) -> None:
        """Charge what a call has made; where there is no memory for it, the execution fails.

        A call takes effect as a whole, so nothing of it could be taken back.
        """
        account = self._shared.account
        if account is None:
            return
        refusal = account.refusal(made_bytes)
        account.note(made_bytes, "outcomes")
        self.size_bytes += made_bytes
        if refusal is not None:
            text = f"The nodes that run as one from {self._node_id} made too much: {refusal}"
            self._shared.fail(ExecutionError(text))

    def keep(self, left_bytes: int) -> None:
        """Release what has left of that; so many bytes have not. What waits in an inbox is charged there."""
        left_bytes = min(left_bytes, self.size_bytes)
        if self._shared.account is not None:
            self._shared.account.release(self.size_bytes - left_bytes, "outcomes")
        self.size_bytes = left_bytes
