"""CSV as RFC 4180 has it: reading texts in turns with others, and writing rows."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Sequence

import msgspec

from engine.builtin.parts.conversion import give_way
from engine.builtin.parts.numbers import number_in
from engine.builtin.parts.refusal import RefusedError
from proto.codec import encode

ROWS_LIMIT = 100_000
"""Rows of one text; as many values as one invocation of a component may emit."""

CELL_CHARACTERS = 131_072
"""Characters of one cell: the bound of Python's own reader, which is one for the whole process."""

COLUMNS_LIMIT = 1_000
"""Cells of one row."""

_ROWS_AT_ONCE = 200
"""Rows between two turns of others: a millisecond where each has a dozen cells."""

_CELLS_AT_ONCE = 2_000
_BYTE_ORDER_MARK = "\ufeff"
_NULL, _TRUE, _FALSE = msgspec.Raw(b"null"), msgspec.Raw(b"true"), msgspec.Raw(b"false")
_WORDS = {"": _NULL, "true": _TRUE, "false": _FALSE}


async def rows_of(text: str, delimiter: str, quote: str) -> AsyncGenerator[list[str], None]:
    """Yield the rows of a text, without those that are empty lines.

    Raises:
        RefusedError: a quote is not closed, a cell or a row is too large, or there are too many.
    """
    reader = csv.reader(
        io.StringIO(text.removeprefix(_BYTE_ORDER_MARK), newline=""),
        delimiter=delimiter,
        quotechar=quote,
        strict=True,
    )
    count = cells = 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise RefusedError("NotCsv", f"line {reader.line_num} is no CSV: {error}") from None
        if row is None:
            return
        if not row:
            continue
        count += 1
        cells += len(row)
        if len(row) > COLUMNS_LIMIT:
            message = f"line {reader.line_num} has {len(row)} cells; {COLUMNS_LIMIT} are allowed"
            raise RefusedError("TooManyColumns", message)
        if count > ROWS_LIMIT + 1:
            raise RefusedError("TooManyRows", f"the text has more than {ROWS_LIMIT} rows; cut it into pieces")
        yield row
        if count % _ROWS_AT_ONCE == 0 or cells > _CELLS_AT_ONCE:
            cells = 0
            await give_way()


def typed(cell: str) -> msgspec.Raw:
    """Return what a cell says: null where it is empty, a boolean, a number with all its digits, or a text."""
    word = _WORDS.get(cell)
    if word is not None:
        return word
    number = number_in(cell)
    return msgspec.Raw(encode(cell) if number is None or len(number) != len(cell) else number.encode())


def line_of(cells: Iterable[str], delimiter: str, quote: str, newline: str) -> str:
    """Return a row as a line; a cell has quotes where it needs them."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, quotechar=quote, lineterminator=newline).writerow(cells)
    return line.getvalue()


def distinct_columns(names: Sequence[str]) -> Sequence[str]:
    """Return the names of columns.

    Raises:
        RefusedError: one is there twice: the second would hide the first.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RefusedError("DuplicateColumn", f'two columns are called "{name[:100]}"')
        seen.add(name)
    return names
