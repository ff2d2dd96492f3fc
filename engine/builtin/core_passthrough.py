"""``symbia.core.passthrough`` forwards every value unchanged.

It is the entry and the exit of many graphs, so it decodes nothing and builds one outcome per message.
Compiled routines name its ports ``input`` and ``output`` where graphs by hand name them ``in`` and ``out``. Both
pairs are declared, and a value leaves by the twin of the port that it came by. Where edges leave by one of the
outputs only, they are taken whichever port the value came by: nobody has to know how the other end is spelt.
"""

from collections.abc import Sequence

from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome

DEFINITION = declare(
    "symbia.core.passthrough",
    "Pass-through",
    "Forwards every value unchanged.",
    inputs=(port("in", "Any value."), port("input", "The same as `in`, for graphs that spell it so.")),
    outputs=(port("out", "What came by `in`."), port("output", "What came by `input`.")),
    stateless=True,
)


class Passthrough(Handler):
    """A handler whose inputs and outputs are declared pairwise: the index of the one is that of the other."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(((message.port, message.value),)) for message in batch]


def _make(_context: InstanceContext) -> Handler:
    return Passthrough()


PASSTHROUGH = Builtin(DEFINITION, _make, twins=("out", "output"), relayed=(0, 1))
