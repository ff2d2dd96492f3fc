"""``symbia.core.each`` takes arrays apart: every item becomes a message.

What becomes of the items is put together again by ``symbia.core.gather``; without one behind it, the items are
messages like any other. Items are not decoded, but cut out of the array's text.
"""

from collections.abc import Sequence

import msgspec

from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message, Outcome, made_of
from proto.component import ConfigField

ITEMS_LIMIT = 100_000
"""Items of one array; as many values as one invocation of a component may emit."""

CONCURRENCY_LIMIT = 10_000
"""Items at once, where they are bounded at all."""

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

_KINDS = {b"{": "an object", b'"': "a text", b"t": "a boolean", b"f": "a boolean", b"n": "null"}

DEFINITION = declare(
    "symbia.core.each",
    "Each",
    "Takes arrays apart: every item becomes a message.",
    inputs=(port("in", "An array.", {"type": "array"}),),
    outputs=(port("out", "The items, in order."),),
    config={
        "concurrency": ConfigField(
            type="integer",
            description="How many items may be under way to `symbia.core.gather` at once; 0 for as many as there "
            "are.",
            default=0,
            minimum=0,
            maximum=CONCURRENCY_LIMIT,
        ),
        "_port": ConfigField(
            type="string", description="The port that errors name; `forEach` sets it.", default="in"
        ),
    },
    stateless=True,
)


class Each(Handler):
    """The cutting of arrays. The instance gives the items their places (``engine.execution.grouped``)."""

    def __init__(self, port_name: str) -> None:
        self._port = port_name

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return made_of(batch, self._take)

    def _take(self, message: Message) -> Outcome:
        text = message.value.lstrip()
        if text[:1] != b"[":
            found = _KINDS.get(text[:1], "a number")
            error = f"The value on port {self._port} must be an array, and is {found}"
            return Outcome(error=HandlerError("NotAnArray", error, is_permanent=True))
        items = _ITEMS.decode(text)
        if len(items) > ITEMS_LIMIT:
            error = f"The array on port {self._port} has {len(items)} items; {ITEMS_LIMIT} are allowed"
            return Outcome(error=HandlerError("TooManyItems", error, is_permanent=True))
        return Outcome([(0, bytes(item)) for item in items])


def _make(context: InstanceContext) -> Handler:
    return Each(context.config["_port"])


EACH = Builtin(DEFINITION, _make, grouping="each")
