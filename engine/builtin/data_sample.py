"""``symbia.data.sample`` lets a part of the values through: every so many, or a share of them by chance.

Chance comes from the node's seed and from how many values came before, so that a run can be repeated; where a key
is named, from the key alone, so that all values of one key go the same way, in every node that asks so.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

EVERY_LIMIT = 1_000_000_000

_OUT, _REST = 0, 1
_CHANCES = 2**64

DEFINITION = declare(
    "symbia.data.sample",
    "Sample",
    "Lets a part of the values through: every so many, or a share of them by chance.",
    inputs=(port("in", "Any value."),),
    outputs=(port("out", "The values of the sample, unchanged."), port("rest", "All others, unchanged.")),
    config={
        "every": ConfigField(
            type="integer",
            description="Of so many values the first one is let through; 0 where `share` says which.",
            default=0,
            minimum=0,
            maximum=EVERY_LIMIT,
        ),
        "share": ConfigField(
            type="number",
            description="The share of the values, or keys, that is let through.",
            default=1,
            minimum=0,
            maximum=1,
        ),
        "key": ConfigField(
            type="string",
            description="The field whose values are let through together or not at all; a dotted path reaches "
            'inside. `""` for each value by itself.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class SampleComponent(Builtin):
    """The component, which checks what goes together: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if not config["every"]:
            return ()
        if config["key"] or KEY_EXPRESSION in config:
            message = "Keys are let through by their share; every counts values"
        elif config["share"] != 1:
            message = "Give every or share, not both"
        else:
            return ()
        return (Problem("config.invalid", "every", message),)


class Sample(Keyed):
    """The sample, and how many values came.

    Args:
        every: of so many the first; 0 for a share.
        share: between 0 and 1.
        key: of a message.
        seed: where chance comes from.
    """

    keeps = "state"
    is_pure = True

    def __init__(self, every: int, share: float, key: MessageKey, seed: int) -> None:
        self._every = every
        self._below = int(share * _CHANCES)
        self._key = key
        self._seed = seed
        self._came = 0
        super().__init__((key,))

    def take(self, message: Message, document: Document) -> Outcome:
        is_in = self._is_in(document)
        self._came += 1
        return Outcome(((_OUT if is_in else _REST, message.value),))

    def _is_in(self, document: Document) -> bool:
        if self._every:
            return self._came % self._every == 0
        if self._key.exists:
            text = self._key.of(document).encode("utf-8", "surrogatepass")
        else:
            text = b"%d %d" % (self._seed, self._came)
        return int.from_bytes(blake2b(text, digest_size=8).digest()) < self._below

    def take_over(self, former: Handler) -> None:
        if isinstance(former, Sample):
            self._came = former._came  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Snapshot | None:
        del now
        return Kept(rest=self._came) if self._came else None

    def restore(self, kept: Kept, now: float) -> None:
        del now
        came = msgspec.convert(kept.rest, int)
        if came < 0:
            raise ValueError("so many values have not come")
        self._came = came

    def state(self) -> Mapping[str, bytes]:
        return {"came": encode(self._came)} if self._came else {}


def _make(context: InstanceContext) -> Handler:
    config = context.config
    key = MessageKey(config["key"], is_computed=KEY_EXPRESSION in config)
    return Sample(int(config["every"]), float(config["share"]), key, context.seed)


SAMPLE = SampleComponent(DEFINITION, _make)
