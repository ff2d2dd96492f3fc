"""Keys by which the servers outside know a call again that is made a second time.

A message is handed to a node once, and may be handed to it again: under ``onError: retry``, and after a restart of
a durable execution. The key of what it asks for outside is the same each time.
"""

from uuid import NAMESPACE_URL, uuid5

from engine.contracts.handler import Message


class CallKeys:
    """The keys of one execution.

    Args:
        execution_id: the execution.
    """

    def __init__(self, execution_id: str) -> None:
        self._execution_id = execution_id

    async def key_of(self, node_id: str, message: Message) -> str:
        """Return the key of the call that a node makes for a message; for just before it is made.

        Raises:
            NotKeptError: the execution is durable, and it cannot be written that this call is made.
        """
        return self.first_key_of(node_id, message)

    def first_key_of(self, node_id: str, message: Message) -> str:
        """Return the key of a call that was never made before."""
        return str(uuid5(NAMESPACE_URL, f"symbia:{self._execution_id}/{node_id}/{message.sequence}"))
