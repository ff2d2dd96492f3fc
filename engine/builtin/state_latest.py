"""``symbia.state.latest`` remembers the latest message of each key, and shows all of them at any time."""

from engine.builtin.declare import declare, port
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed_state import STATE_BYTES, STATE_KEYS, KeyedState, object_of
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, given
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome
from proto.component import ConfigField

SNAPSHOTS_AT_ONCE = 4
"""Messages of a batch: each makes a snapshot, which may be as large as the whole state."""

DEFINITION = declare(
    "symbia.state.latest",
    "Latest by Key",
    "Remembers the latest message of each key, and forwards every message.",
    inputs=(port("in", "Any value; an object with the key is remembered."),),
    outputs=(
        port("out", "The same value."),
        port(
            "snapshot",
            "The latest message of each key, `{key: message}`, after every message.",
            {"type": "object"},
            lane="conditional",
            lane_note="apocryphal where one of the remembered messages is; a key may be arbitrarily old",
        ),
    ),
    config={
        "keyField": ConfigField(
            type="string",
            description="The field that holds the key; a message without it is forwarded and not remembered. "
            f"At most {STATE_KEYS} keys and {STATE_BYTES} bytes are remembered.",
            default="key",
        ),
        "strict": strict_field("A dotted path such as `a.b` reaches inside; an object or an array is no key."),
    },
)


class Latest(OneByOne):
    """The messages by key."""

    keeps = "state"
    batch_messages = SNAPSHOTS_AT_ONCE

    def __init__(self, key_field: Field | PlatformField) -> None:
        self._field = key_field
        self._messages = KeyedState()
        super().__init__((self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._field.key(document)
        if key is not None:
            self._messages.put(key, message.value, message.lane)
        snapshot = object_of(self._messages.items())
        emissions = ((0, message.value), (1, snapshot))
        return Outcome(emissions, lanes=(message.lane, max(message.lane, self._messages.lane)))

    def take_over(self, former: Handler) -> None:
        if isinstance(former, Latest):
            self._messages = former._messages  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Kept | None:
        del now
        return self._messages.snapshot()

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._messages.restore(kept)

    def held_bytes(self) -> int:
        return self._messages.held_bytes

    def state(self) -> dict[str, bytes]:
        return dict(self._messages.texts())


def _make(context: InstanceContext) -> Latest:
    name = given(context.config, "keyField", "key")
    return Latest(Field(name) if is_strict(context.config) else PlatformField(name))


LATEST = PlatformBuiltin(DEFINITION, _make)
