"""``symbia.data.csv`` makes rows of a CSV text, and a CSV text of rows (RFC 4180)."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import CONVERTED_BYTES, PLACE, Conversion, give_way, said
from engine.builtin.parts.csv_text import (
    COLUMNS_LIMIT,
    ROWS_LIMIT,
    distinct_columns,
    line_of,
    rows_of,
    typed,
)
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import decode_text, decoded_by, encode
from proto.component import ConfigField
from proto.problem import Problem

DEFINITION = declare(
    "symbia.data.csv",
    "CSV",
    "Makes rows of a CSV text, and a CSV text of rows.",
    inputs=(port("in", "A CSV text; where it is written, an array of rows, or one row."),),
    outputs=(
        port(
            "out", "The rows, in an array or one by one; or the text. The whole object where `into` names a field."
        ),
        error_port("What is no CSV, or no row, with the value."),
    ),
    config={
        "mode": ConfigField(
            type="string",
            description="`parse` reads a text; `format` writes one.",
            default="parse",
            enum=("parse", "format"),
        ),
        "header": ConfigField(
            type="boolean",
            description="Whether the first row names the columns, so that rows are objects; else they are arrays, "
            "unless `columns` names them. Writing, whether such a row is written.",
            default=True,
        ),
        "columns": ConfigField(
            type="array",
            description="The names of the columns. Reading, in the place of those in the text; writing, which "
            "fields are written, and their order: those of the first row when empty.",
            default=[],
        ),
        "types": ConfigField(
            type="string",
            description="`text` leaves each cell a text; `detect` makes numbers, booleans and nulls (empty cells) "
            "of those that are spelt so in JSON, with all their digits.",
            default="text",
            enum=("text", "detect"),
        ),
        "each": ConfigField(
            type="boolean",
            description="Whether rows leave one by one, in the place of one array.",
            default=False,
        ),
        "ragged": ConfigField(
            type="string",
            description="What becomes of rows with more or fewer cells than there are columns: an `error`, or "
            "what lacks is null and what is beyond is left away (`fit`).",
            default="error",
            enum=("error", "fit"),
        ),
        "delimiter": ConfigField(type="string", description="The character between cells.", default=","),
        "quote": ConfigField(type="string", description="The character around cells.", default='"'),
        "newline": ConfigField(
            type="string",
            description="Writing, the end of each line, the last one too.",
            default="\r\n",
            enum=("\r\n", "\n"),
        ),
        **PLACE,
    },
    stateless=True,
)

_rows: "msgspec.json.Decoder[list[msgspec.Raw]]" = msgspec.json.Decoder(list[msgspec.Raw])
_row_object: "msgspec.json.Decoder[dict[str, msgspec.Raw]]" = msgspec.json.Decoder(dict[str, msgspec.Raw])

_WRITTEN_AT_ONCE = 200
"""Rows written between two turns of others."""


class Parse(Conversion):
    """Reading.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._columns: Sequence[str] = tuple(config["columns"])
        self._has_header = config["header"]
        self._types = config["types"]
        self._is_fitted = config["ragged"] == "fit"
        self._is_each = config["each"]
        self._delimiter, self._quote = config["delimiter"], config["quote"]

    async def convert(self, text: bytes) -> Sequence[bytes]:
        columns = self._columns
        is_header = self._has_header
        made: list[bytes] = []
        async with aclosing(rows_of(said(text), self._delimiter, self._quote)) as rows:
            async for row in rows:
                if is_header:
                    is_header = False
                    columns = columns or distinct_columns(row)
                    continue
                made.append(self._row(row, columns, len(made) + 1))
        if len(made) > ROWS_LIMIT:
            raise RefusedError("TooManyRows", f"the text has more than {ROWS_LIMIT} rows; cut it into pieces")
        return made if self._is_each else (b"[" + b",".join(made) + b"]",)

    def _row(self, row: Sequence[str], columns: Sequence[str], number: int) -> bytes:
        cells: list[Any] = [typed(cell) for cell in row] if self._types == "detect" else list(row)
        if not columns:
            return encode(cells)
        if len(cells) != len(columns):
            if not self._is_fitted:
                message = f"row {number} has {len(cells)} cells for {len(columns)} columns"
                raise RefusedError("RaggedRow", message)
            cells += [None] * (len(columns) - len(cells))
        return encode(dict(zip(columns, cells, strict=False)))


class Format(Conversion):
    """Writing.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._columns: Sequence[str] = tuple(config["columns"])
        self._has_header = config["header"]
        self._is_fitted = config["ragged"] == "fit"
        self._form = (config["delimiter"], config["quote"], config["newline"])

    async def convert(self, text: bytes) -> Sequence[bytes]:
        rows = [msgspec.Raw(text)] if text[:1] == b"{" else _array(text, "the value")
        if len(rows) > ROWS_LIMIT:
            raise RefusedError("TooManyRows", f"there are {len(rows)} rows; {ROWS_LIMIT} are allowed")
        columns = self._columns
        lines = []
        size = 0
        for number, raw in enumerate(rows, start=1):
            row = bytes(raw).strip()
            if row[:1] == b"{":
                fields = decoded_by(_row_object, row)
                if not columns:
                    columns = tuple(fields)[: COLUMNS_LIMIT + 1]
                cells = self._cells(fields, columns, number)
            else:
                cells = [_cell(each) for each in _array(row, f"row {number}")]
                if columns and len(cells) != len(columns) and not self._is_fitted:
                    message = f"row {number} has {len(cells)} cells for {len(columns)} columns"
                    raise RefusedError("RaggedRow", message)
            if len(cells) > COLUMNS_LIMIT:
                message = f"row {number} has more than {COLUMNS_LIMIT} cells"
                raise RefusedError("TooManyColumns", message)
            if number == 1 and columns and self._has_header:
                lines.append(line_of(columns, *self._form))
            lines.append(line_of(cells, *self._form))
            size += len(lines[-1])
            if size > 2 * CONVERTED_BYTES:
                raise RefusedError("ValueTooLarge", f"more than {2 * CONVERTED_BYTES} characters come of it")
            if number % _WRITTEN_AT_ONCE == 0:
                await give_way()
        return (encode("".join(lines)),)

    def _cells(self, fields: Mapping[str, msgspec.Raw], columns: Sequence[str], number: int) -> list[str]:
        if not self._is_fitted and not self._columns:
            odd = fields.keys() ^ set(columns)
            if odd:
                name = min(odd)
                verb = "has a field" if name in fields else "lacks the field"
                raise RefusedError("RaggedRow", f'row {number} {verb} "{name[:100]}", unlike the first')
        return [_cell(fields[name]) if name in fields else "" for name in columns]


def _array(text: bytes, what: str) -> list[msgspec.Raw]:
    if text[:1] != b"[":
        raise RefusedError("NotRows", f"{what} must be an array or an object")
    return decoded_by(_rows, text)


def _cell(value: msgspec.Raw) -> str:
    """Return a value as a cell: nothing for null, a text as it is, all else as its JSON text."""
    text = bytes(value).strip()
    if text[:1] == b'"':
        return decode_text(text)
    return "" if text == b"null" else text.decode()


class CsvComponent(Builtin):
    """The component, which checks what a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = [
            (key, f"{key} is one character, and no end of line")
            for key in ("delimiter", "quote")
            if len(config[key]) != 1 or config[key] in "\r\n\ufeff\0"
        ]
        if config["delimiter"] == config["quote"]:
            problems.append(("quote", "quote and delimiter are two characters"))
        columns = config["columns"]
        if not all(isinstance(name, str) for name in columns):
            problems.append(("columns", "The names of columns are texts"))
        elif len(set(columns)) < len(columns) or len(columns) > COLUMNS_LIMIT:
            problems.append(("columns", f"Columns have names of their own, and are {COLUMNS_LIMIT} at most"))
        if config["each"] and (config["into"] or config["mode"] == "format"):
            problems.append(("each", "Only rows that are read, and not put into a field, leave one by one"))
        return [Problem("config.invalid", path, message) for path, message in problems]


def _make(context: InstanceContext) -> Handler:
    return Format(context.config) if context.config["mode"] == "format" else Parse(context.config)


CSV = CsvComponent(DEFINITION, _make)
