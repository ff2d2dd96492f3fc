"""Make large bulk instructions interruptible: each becomes a loop over pieces. Pure.

Wasmtime looks at the epoch in every loop and at every function's head, but not within an instruction, and one
``memory.fill`` may write all of a guest's memory: 300 ms and more where the pages are fresh. So before a module is
compiled, each ``memory.fill``, ``memory.copy`` and ``memory.init`` in it becomes a call of a function that is put
behind its own, and that does the same in pieces. What fits into one piece costs a call more, a nanosecond.

Instructions can only be found by reading all before them, which takes Python long; so only functions are read
whose bytes hold such an instruction at all, and most of what is in them is passed over by one regular expression.

Where an instruction leads beyond the memory's end, the pieces before that are written before it traps. That is no
difference to anybody: a guest that has trapped is destroyed.
"""

import re
from typing import NamedTuple

from wasm_host.component_model.binary import (
    COMPONENT_PREAMBLE,
    MODULE_PREAMBLE,
    Cursor,
    MalformedError,
    section,
    sections,
    type_index,
    unsigned,
    vector,
)
from wasm_host.component_model.core_module import read_module
from wasm_host.repetition import repeated

PIECE_BYTES = 256 * 1024
"""Written or copied without a look at the epoch: 64 pages, 0.3 ms where all of them are fresh."""

_TYPE, _FUNCTION, _CODE = 1, 3, 10
_CORE_MODULE, _COMPONENT = 1, 4

_BULK = re.compile(rb"\xfc(?:[\x08\x0a\x0b]|[\x88\x8a\x8b]\x80*\x00)")
"""Matches every such instruction, and now and then something else."""

_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
_ADDRESSED = rb"(?:(?=[\x40-\x7f\xc0-\xff])%b)?%b%b" % ((_NUMBER,) * 3)
"""Alignment, memory where the alignment says so, offset."""

_RUN = re.compile(
    repeated(
        r"""
      [\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]           # nothing behind them
    | [\x02-\x04\x0c\x0d\x10\x12\x20-\x26\x3f-\x42\xd0\xd2] NUMBER
    | [\x11\x13] NUMBER NUMBER                              # indirect calls
    | [\x28-\x3e] ADDRESSED
    | \x43 .{4} | \x44 .{8}
    | \xfc [\x00-\x07\x13-\x16]
    | \xfc [\x09\x0d\x0f-\x11] NUMBER                       # drops, and tables
    | \xfc [\x0c\x0e] NUMBER NUMBER
    | \xfd (?: [\x00-\x0b\x5c\x5d] ADDRESSED
        | [\x0c\x0d] .{16}
        | [\x0e-\x14\x23-\x53\x5e-\x7f] | [\x80-\xff][\x01-\x7f]
        | [\x15-\x22] .
        | [\x54-\x5b] ADDRESSED . )
        """
    )
    .encode()
    .replace(b"NUMBER", _NUMBER)
    .replace(b"ADDRESSED", _ADDRESSED),
    re.VERBOSE | re.DOTALL,
)
"""Instructions that stay as they are, as many as there are."""


def interruptible(content: bytes) -> bytes:
    """Return a module or component that does the same, with no memory instruction that takes longer than a piece.

    Raises:
        MalformedError: it is neither, or holds something that cannot be read.
    """
    if content.startswith(COMPONENT_PREAMBLE):
        return _component(content)
    if content.startswith(MODULE_PREAMBLE):
        return _module(content)
    raise MalformedError("the bytes are neither a module nor a component")


def _component(content: bytes) -> bytes:
    parts = [COMPONENT_PREAMBLE]
    for part in sections(content):
        inner = content[part.start : part.end]
        if part.id in (_CORE_MODULE, _COMPONENT):
            inner = interruptible(inner)
        parts.append(section(part.id, inner))
    return b"".join(parts)


def _module(content: bytes) -> bytes:
    found = {part.id: part for part in sections(content)}
    code = found.get(_CODE)
    if code is None or _BULK.search(content, code.start, code.end) is None:
        return content
    if _TYPE not in found or _FUNCTION not in found:
        raise MalformedError("the module has code without functions")
    pieces = _Pieces(
        first_function=len(read_module(content).imported_functions) + _count(content, found[_FUNCTION].start),
        types=_count(content, found[_TYPE].start),
    )
    bodies = _bodies(content, code.start, code.end, pieces)
    added = {
        _TYPE: [b"\x60\x03\x7f\x7f\x7f\x00"],
        _FUNCTION: [unsigned(pieces.types)] * len(pieces.functions),
        _CODE: [unsigned(len(body)) + body for body in pieces.functions.values()],
    }
    parts = [MODULE_PREAMBLE]
    for part in sections(content):
        inner = content[part.start : part.end]
        if part.id == _CODE:
            inner = vector([*bodies, *added[_CODE]])
        elif part.id in added:
            inner = _longer(content, part.start, part.end, added[part.id])
        parts.append(section(part.id, inner))
    return b"".join(parts)


def _count(content: bytes, at: int) -> int:
    return Cursor(content, at).unsigned()


def _longer(content: bytes, start: int, end: int, more: list[bytes]) -> bytes:
    """Return a vector with further items."""
    cursor = Cursor(content, start, end)
    return unsigned(cursor.unsigned() + len(more)) + content[cursor.at : end] + b"".join(more)


def _bodies(content: bytes, start: int, end: int, pieces: "_Pieces") -> list[bytes]:
    """Return the code section's functions, each with its length before it."""
    cursor = Cursor(content, start, end)
    bodies = []
    for _ in range(cursor.count()):
        before = cursor.at
        length = cursor.unsigned()
        begin = cursor.at
        body = cursor.raw(length)
        if _BULK.search(body) is None:
            bodies.append(content[before : begin + length])
        else:
            changed = _body(body, pieces)
            bodies.append(unsigned(len(changed)) + changed)
    return bodies


def _body(body: bytes, pieces: "_Pieces") -> bytes:
    cursor = Cursor(body)
    for _ in range(cursor.count()):  # groups of local variables
        cursor.unsigned()
        cursor.unsigned(33)
    parts: list[bytes] = []
    kept = 0
    while True:
        run = _RUN.match(body, cursor.at)
        assert run is not None  # noqa: S101 - it matches nothing at all, too
        cursor.at = run.end()
        if cursor.is_at_end():
            return b"".join([*parts, body[kept:]])
        at = cursor.at
        index = _special(cursor, pieces)
        if index >= 0:
            parts += [body[kept:at], b"\x10", unsigned(index)]
            kept = cursor.at


def _special(cursor: Cursor, pieces: "_Pieces") -> int:
    """Read an instruction that is none of ``_RUN``; return the function that takes its place, or -1."""
    code = cursor.byte()
    if code == 0x0E:  # br_table
        for _ in range(cursor.count() + 1):
            cursor.unsigned()
    elif code == 0x1C:  # select, of a type
        for _ in range(cursor.count()):
            cursor.unsigned(33)
    elif code == 0xFC:
        return _memory_instruction(cursor, pieces)
    elif code == 0xFD:
        _vector_instruction(cursor)
    else:
        raise MalformedError(f"the instruction {code:#04x} is unknown, or needs a feature that is switched off")
    return -1


def _memory_instruction(cursor: Cursor, pieces: "_Pieces") -> int:
    code = cursor.unsigned()
    if code == 0x08:
        segment, memory = cursor.unsigned(), cursor.unsigned()
        return pieces.init(segment, memory)
    if code == 0x0A:
        target, source = cursor.unsigned(), cursor.unsigned()
        return pieces.copy(target, source)
    if code == 0x0B:
        return pieces.fill(cursor.unsigned())
    numbers = {0x09: 1, 0x0C: 2, 0x0D: 1, 0x0E: 2, 0x0F: 1, 0x10: 1, 0x11: 1}  # spelt longer than need be
    for _ in range(numbers.get(code, 0)):
        cursor.unsigned()
    if code > 0x16:
        raise MalformedError(f"the instruction 0xfc {code:#04x} is unknown")
    return -1


def _vector_instruction(cursor: Cursor) -> None:
    """Skip a vector instruction whose code is spelt longer than need be."""
    code = cursor.unsigned()
    is_lane_of_memory = 0x54 <= code <= 0x5B
    if code <= 0x0B or is_lane_of_memory or code in (0x5C, 0x5D):
        alignment = cursor.unsigned()
        for _ in range(2 if alignment & 0x40 else 1):
            cursor.unsigned()
    if code in (0x0C, 0x0D):
        cursor.raw(16)
    if 0x15 <= code <= 0x22 or is_lane_of_memory:
        cursor.byte()


class _Pieces:
    """The functions that are put behind a module's own, each made when it is needed first.

    They take what the instruction takes: 0, the target; 1, the source or the byte; 2, the length.
    """

    def __init__(self, first_function: int, types: int) -> None:
        self.types = types
        self.functions: dict[tuple[int, int, int], bytes] = {}
        self._first = first_function

    def fill(self, memory: int) -> int:
        """Return the index of the function for memory.fill."""
        return self._index((0x0B, memory, 0), _Loop(b"\xfc\x0b" + unsigned(memory), moves_source=False))

    def init(self, segment: int, memory: int) -> int:
        """Return the index of the function for memory.init."""
        return self._index(
            (0x08, segment, memory), _Loop(b"\xfc\x08" + unsigned(segment) + unsigned(memory), moves_source=True)
        )

    def copy(self, target: int, source: int) -> int:
        """Return the index of the function for memory.copy."""
        instruction = b"\xfc\x0a" + unsigned(target) + unsigned(source)
        return self._index((0x0A, target, source), _Loop(instruction, moves_source=True, may_overlap=True))

    def _index(self, key: tuple[int, int, int], loop: "_Loop") -> int:
        if key not in self.functions:
            self.functions[key] = loop.body()
        return self._first + list(self.functions).index(key)


_TARGET, _SOURCE, _LENGTH = b"\x20\x00", b"\x20\x01", b"\x20\x02"
_PIECE = b"\x41" + type_index(PIECE_BYTES)  # i32.const, whose number is signed too
_ADD, _SUBTRACT = b"\x6a", b"\x6b"
_SET_LENGTH = b"\x21\x02"
_IS_MORE = _LENGTH + _PIECE + b"\x4b"  # more than a piece is left
_ALL = _TARGET + _SOURCE + _LENGTH
_IF, _ELSE, _LOOP, _END, _AGAIN_IF = b"\x04\x40", b"\x05", b"\x03\x40", b"\x0b", b"\x0d\x00"


class _Loop(NamedTuple):
    """An instruction, and how it is repeated."""

    instruction: bytes
    moves_source: bool
    may_overlap: bool = False

    def body(self) -> bytes:
        """Return the body of the function."""
        loop = self._forward()
        if self.may_overlap:
            # As memmove: from the end where the target lies behind the source.
            is_before = _TARGET + _SOURCE + b"\x4d"
            loop = is_before + _IF + loop + _ELSE + self._backward() + _END
        return b"\x00" + _IS_MORE + _IF + loop + _END + _ALL + self.instruction + _END

    def _forward(self) -> bytes:
        step = _TARGET + _PIECE + _ADD + b"\x21\x00"
        if self.moves_source:
            step += _SOURCE + _PIECE + _ADD + b"\x21\x01"
        step += _LENGTH + _PIECE + _SUBTRACT + _SET_LENGTH
        piece = _TARGET + _SOURCE + _PIECE + self.instruction
        return _LOOP + piece + step + _IS_MORE + _AGAIN_IF + _END

    def _backward(self) -> bytes:
        """Return the loop from the end to the beginning.

        An end beyond 2^32 would come out in front: such an instruction is left to trap as a whole.
        """
        target_end, source_end = _TARGET + _LENGTH + _ADD, _SOURCE + _LENGTH + _ADD
        wraps = target_end + _TARGET + b"\x49" + source_end + _SOURCE + b"\x49\x72"
        trap = wraps + _IF + _ALL + self.instruction + _END
        step = _LENGTH + _PIECE + _SUBTRACT + _SET_LENGTH
        piece = target_end + source_end + _PIECE + self.instruction
        return trap + _LOOP + step + piece + _IS_MORE + _AGAIN_IF + _END
