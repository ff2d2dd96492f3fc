"""``symbia.data.enrich`` adds to each value what a table says of its key.

The table stands in the configuration, or comes by the port ``table``, a row or many at a time, while values pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import key_text
from engine.builtin.parts.json_path import OPENED_KEYS, Document
from engine.builtin.parts.kept import distinct, key_bytes, lane_of
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from engine.contracts.lanes import CANONICAL
from proto.codec import decoded_by, encode
from proto.component import ConfigField
from proto.problem import Problem

ROWS_LIMIT = 100_000
TABLE_BYTES = 32 * 1024 * 1024
"""Keys and JSON text of a table."""

ROWS_AT_ONCE = 5_000
"""Rows of one message: they are taken in in one go of some milliseconds."""

VALUE_BYTES = 1024 * 1024
"""JSON text of a value that is an object which takes a row in."""

_OUT, _UNKNOWN = 0, 1
_ROW_BYTES = 250

_object_decoder: "msgspec.json.Decoder[dict[str, msgspec.Raw]]" = msgspec.json.Decoder(dict[str, msgspec.Raw])
_row_decoder: "msgspec.json.Decoder[list[tuple[msgspec.Raw, msgspec.Raw]]]" = msgspec.json.Decoder(
    list[tuple[msgspec.Raw, msgspec.Raw]]
)

DEFINITION = declare(
    "symbia.data.enrich",
    "Enrich",
    "Adds to each value what a table says of its key.",
    inputs=(
        port("in", "An object."),
        port(
            "table",
            "Rows of the table, by their keys: an object, or an array of pairs `[key, row]`. A row that is null "
            "is taken out.",
        ),
    ),
    outputs=(
        port(
            "out",
            "The object with its row.",
            lane="conditional",
            lane_note="apocryphal where the value or its row is",
        ),
        port("unknown", "Values whose key the table has not, unchanged."),
        error_port("What has no key, or is no table, with the value."),
    ),
    config={
        "table": ConfigField(
            type="object", description="The rows of the table at the beginning, by their keys.", default={}
        ),
        "into": ConfigField(
            type="string",
            description='The field that takes the row. `""` to add the fields of the row, which is an object '
            "then, to those of the value, whose own stay.",
            default="row",
        ),
        "key": ConfigField(
            type="string",
            description="The field that holds the key; a dotted path reaches inside.",
            default="id",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class Enrich(Keyed):
    """The table, whose rows are JSON texts with their lanes.

    Args:
        table: at the beginning.
        into: the field that takes a row.
        key: of a message.
    """

    keeps = "state"

    def __init__(self, table: Mapping[str, Any], into: str, key: MessageKey) -> None:
        self._into = into
        self._key = key
        self._rows: dict[str, tuple[bytes, int]] = {}
        self._bytes = 0
        for name, row in table.items():
            self._put(name, encode(row), CANONICAL)
        super().__init__((key,))

    def take(self, message: Message, document: Document) -> Outcome:
        if message.port == 1:
            self._learn(message)
            return NOTHING
        found = self._rows.get(self._key.of(document))
        if found is None:
            return Outcome(((_UNKNOWN, message.value),), lanes=(message.lane,))
        row, lane = found
        value = _members(message.value, "the value")
        row_fields = {self._into: msgspec.Raw(row)} if self._into else _members(row, "the row")
        made = {**value, **row_fields} if self._into else {**row_fields, **value}
        return Outcome(((_OUT, encode(made)),), lanes=(max(lane, message.lane),))

    def _learn(self, message: Message) -> None:
        text = message.value.lstrip()
        if text.count(b":") > ROWS_AT_ONCE * 20 or len(text) > VALUE_BYTES:
            raise RefusedError("TableTooLarge", f"One message brings at most {VALUE_BYTES} bytes of rows")
        if text[:1] == b"{":
            rows = [(key, bytes(row)) for key, row in decoded_by(_object_decoder, text).items()]
        elif text[:1] == b"[":
            try:
                pairs = decoded_by(_row_decoder, text)
            except msgspec.ValidationError:
                raise RefusedError("NotATable", "an array of rows is one of pairs: [key, row]") from None
            rows = [(key_text(bytes(key).strip(), "key"), bytes(row)) for key, row in pairs]
        else:
            raise RefusedError("NotATable", "rows are an object by their keys, or an array of pairs [key, row]")
        if len(rows) > ROWS_AT_ONCE:
            raise RefusedError("TableTooLarge", f"One message brings at most {ROWS_AT_ONCE} rows")
        size = sum([len(key) + len(row) for key, row in rows])
        if len(self._rows) + len(rows) > ROWS_LIMIT or self._bytes + size > TABLE_BYTES:
            raise RefusedError("TableTooLarge", f"A table has at most {ROWS_LIMIT} rows and {TABLE_BYTES} bytes")
        for key, row in rows:
            self._put(key, row.strip(), message.lane)

    def _put(self, key: str, row: bytes, lane: int) -> None:
        former = self._rows.pop(key, None)
        if former is not None:
            self._bytes -= len(key) + len(former[0])
        if row != b"null":
            self._rows[key] = (row, lane)
            self._bytes += len(key) + len(row)

    def take_over(self, former: Handler) -> None:
        """Keep what came by the port, beside what the configuration says now: that is newer."""
        if isinstance(former, Enrich):
            for key, (row, lane) in former._rows.items():  # noqa: SLF001 - one of us
                if key not in self._rows:
                    self._put(key, row, lane)

    def snapshot(self, now: float) -> Snapshot | None:
        del now
        rows = tuple(self._rows.items())
        return lambda: Kept(rest=[(key_bytes(key), row, lane) for key, (row, lane) in rows])

    def restore(self, kept: Kept, now: float) -> None:
        del now
        rows = msgspec.convert(kept.rest, list[tuple[bytes, bytes, int]])
        self._rows.clear()
        self._bytes = 0
        for name, (_, row, lane) in zip(distinct(key for key, _, _ in rows), rows, strict=True):
            _ = msgspec.json.decode(row, type=msgspec.Raw)
            self._put(name, row, lane_of(lane))

    def held_bytes(self) -> int:
        return self._bytes + _ROW_BYTES * len(self._rows)

    def state(self) -> Mapping[str, bytes]:
        return {"rows": encode(len(self._rows))} if self._rows else {}


def _members(text: bytes, what: str) -> dict[str, msgspec.Raw]:
    if text.lstrip()[:1] != b"{":
        raise RefusedError("NotAnObject", f"{what} must be an object")
    if len(text) > VALUE_BYTES or text.count(b":") > OPENED_KEYS:
        raise RefusedError("ValueTooLarge", f"{what} has at most {VALUE_BYTES} bytes and {OPENED_KEYS} fields")
    members: dict[str, msgspec.Raw] = decoded_by(_object_decoder, text)
    return members


class EnrichComponent(Builtin):
    """The component, which checks what goes together: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if config["into"]:
            return ()
        return [
            Problem(
                "config.invalid", f"table.{name}", "A row whose fields are added to those of a value is an object"
            )
            for name, row in config["table"].items()
            if not isinstance(row, dict)
        ][:20]


def _make(context: InstanceContext) -> Handler:
    config = context.config
    key = MessageKey(config["key"], is_computed=KEY_EXPRESSION in config)
    return Enrich(config["table"], config["into"], key)


ENRICH = EnrichComponent(DEFINITION, _make)
