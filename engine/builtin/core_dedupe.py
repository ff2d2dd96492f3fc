"""``symbia.core.dedupe`` lets every value through once, as far as it remembers.

What is remembered is a digest of each key, or of the whole text where no key is named, so that memory does not
depend on what the values are.
"""

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from proto.codec import encode
from proto.component import ConfigField

REMEMBERED_LIMIT = 100_000
"""Keys that one node remembers: some 20 MB."""

TIME_LIMIT_MS = 7 * 24 * 3_600_000
"""One week: longer than what is sent again is on its way."""

_DIGEST_BYTES = 16
_REMEMBERED_BYTES = 200
"""The bytes of a key that is remembered."""

_FORGOTTEN_AT_ONCE = 2
"""Keys that are forgotten for each message: more than come with one."""

_OUT, _DUPLICATE = 0, 1

DEFINITION = declare(
    "symbia.core.dedupe",
    "Dedupe",
    "Lets every value through once, by its key or as a whole.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "Values that have not been seen, unchanged."),
        port("duplicate", "All others, unchanged."),
    ),
    config={
        "key": ConfigField(
            type="string",
            description='The field that tells values apart; a dotted path reaches inside. `""` for the whole '
            "text of the value.",
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
        "count": ConfigField(
            type="integer",
            description="How many keys are remembered, the latest that were let through.",
            default=10_000,
            minimum=1,
            maximum=REMEMBERED_LIMIT,
        ),
        "ms": ConfigField(
            type="number",
            description="Milliseconds after which a key is let through again; 0 for never.",
            default=0,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
    },
)


class Dedupe(Keyed):
    """The digests of the keys that were let through, in order, each with the time (seconds of Trio's clock)."""

    keeps = "state"

    def __init__(self, key: MessageKey, name: str, count: int, seconds: float) -> None:
        self._name = name
        self._key = key
        self._count = count
        self._seconds = seconds
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        super().__init__((self._key,))

    def take(self, message: Message, document: Document) -> Outcome:
        text = self._key.of(document).encode("utf-8", "surrogatepass") if self._key.exists else message.value
        digest = blake2b(text, digest_size=_DIGEST_BYTES).digest()
        now = trio.current_time()
        if self._seconds:
            self._forget(now)
        since = self._seen.get(digest)
        if since is not None and not (self._seconds and since + self._seconds <= now):
            return Outcome(((_DUPLICATE, message.value),))
        self._seen[digest] = now
        self._seen.move_to_end(digest)
        if len(self._seen) > self._count:
            self._seen.popitem(last=False)
        return Outcome(((_OUT, message.value),))

    def _forget(self, now: float) -> None:
        for _ in range(_FORGOTTEN_AT_ONCE):
            first = next(iter(self._seen), None)
            if first is None or self._seen[first] + self._seconds > now:
                return
            del self._seen[first]

    def take_over(self, former: Handler) -> None:
        if isinstance(former, Dedupe) and former._name == self._name:  # noqa: SLF001 - one of us
            self._seen = former._seen  # noqa: SLF001 - one of us
            while len(self._seen) > self._count:
                self._seen.popitem(last=False)

    def snapshot(self, now: float) -> Snapshot | None:
        seen = tuple(self._seen.items())
        return (lambda: Kept(rest=[(digest, at - now) for digest, at in seen])) if seen else None

    def restore(self, kept: Kept, now: float) -> None:
        self._seen = OrderedDict(
            (digest, now + at) for digest, at in msgspec.convert(kept.rest, list[tuple[bytes, float]])
        )

    def held_bytes(self) -> int:
        return _REMEMBERED_BYTES * len(self._seen)

    def state(self) -> Mapping[str, bytes]:
        return {"remembered": encode(len(self._seen))} if self._seen else {}


def _make(context: InstanceContext) -> Handler:
    config = context.config
    computed = config.get(KEY_EXPRESSION)
    key = MessageKey(config["key"], is_computed=computed is not None)
    name = config["key"] if computed is None else f"{KEY_EXPRESSION}: {computed}"
    return Dedupe(key, name, int(config["count"]), config["ms"] / 1000)


DEDUPE = Builtin(DEFINITION, _make)
