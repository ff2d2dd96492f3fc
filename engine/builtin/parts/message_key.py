"""The key of a message, by which components tell streams apart that come along one edge."""

from engine.builtin.core_expressions import SCOPE
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.refusal import RefusedError
from proto.component import ConfigField

KEYS_LIMIT = 10_000
"""Keys that one node tells apart at a time. As many as one execution holds messages while it is paused."""

KEY_EXPRESSION = "keyExpression"
"""The configuration key of an expression that computes keys, of components that may have one."""

KEY_EXPRESSION_FIELD = ConfigField(
    type="string", description=f"An expression that computes the key, in the place of a field. {SCOPE}"
)


class MessageKey:
    """The place of a message's key; where there is none, all messages have one key.

    Args:
        name: of a field, or a dotted path; "" for none.
        is_computed: whether keys are computed by an expression, and set before they are asked for.
        port: the port that the messages come by, where components have several.

    Attributes:
        computed: the key of the message in hand, where keys are computed.
        exists: whether messages are told apart at all.
    """

    def __init__(self, name: str, *, is_computed: bool = False, port: str = "") -> None:
        self.fields = () if is_computed or not name else (Field(name),)
        self.exists = is_computed or bool(name)
        self.computed = ""
        self._where = f" on port {port}" if port else ""

    def of(self, document: Document) -> str:
        """Return the key of a message: a string as it is, any other scalar as JSON says it.

        Raises:
            RefusedError: it has none, or one that is an object, an array, or too long.
        """
        for field in self.fields:
            key = field.key(document)
            if key is None:
                raise RefusedError("MissingKey", f'the message{self._where} has no field "{field.name}"')
            return key
        return self.computed


def refuse_key(kept: int) -> None:
    """Raise where a node that tells so many keys apart is handed a further one."""
    if kept >= KEYS_LIMIT:
        raise RefusedError("TooManyKeys", f"This node tells {KEYS_LIMIT} keys apart, and this one is new")
