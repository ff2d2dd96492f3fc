"""Decide whether a large text is JSON, piece by piece, by a little automaton in the sandbox.

msgspec checks two hundred megabytes a second, but a text in one go: 10 MB hold everybody up for 50 ms. This one
takes pieces, and remembers between them where it is: a state, and which brackets are open.

    table[state][byte] -> the next state, or one of six actions that have to do with brackets

The table is made below, from what JSON is (RFC 8259), and walked by a loop of WebAssembly, at 500 megabytes a
second. Text must be UTF-8; as an escape, half of a surrogate pair
may be in it.
"""

from collections.abc import Iterable
from typing import NamedTuple

PIECE_BYTES = 64 * 1024
MOST_DEPTH = 900
"""Levels of brackets; msgspec gives up at about as many."""


class Verdicts(NamedTuple):
    """The answers of the automaton: so far so good, this is no JSON, or it is nested too deeply."""

    fine: int = 0
    wrong: int = 1
    deep: int = 2


_TABLE_AT, _STACK_AT = 65_536, 131_072
_OPENS_OBJECT, _OPENS_ARRAY, _CLOSES_OBJECT, _CLOSES_ARRAY, _COMMA, _WRONG = 240, 241, 242, 243, 244, 255

_SPACE = b" \t\n\r"
_DIGITS = b"0123456789"
_HEX = b"0123456789abcdefABCDEF"
_NAMES = (
    *("end", "zero", "whole", "fraction", "exponent"),  # after any of these five a text may end
    *("value", "first item", "first key", "key", "colon"),
    *("minus", "point", "e", "e sign"),
    *(word[:at] for word in ("true", "false", "null") for at in range(1, len(word))),
)
_IN_STRING = (
    *("", "escape", "u", "u.", "u..", "u...", "1 more", "2 more", "3 more"),
    *("after e0", "after ed", "after f0", "after f4"),
)
_STRINGS = tuple(f"{kind}:{name}" for kind in ("value", "key") for name in _IN_STRING)
_STATES = {name: index for index, name in enumerate((*_NAMES, *_STRINGS))}


class _Rules:
    """The table while it is made; what nobody says is wrong."""

    def __init__(self) -> None:
        self.table = bytearray([_WRONG]) * (256 * len(_STATES))

    def on(self, state: str, read: Iterable[int], then: str | int) -> None:
        code = then if isinstance(then, int) else _STATES[then]
        for byte in read:
            self.table[256 * _STATES[state] + byte] = code


def table() -> bytes:
    """Return the states, 256 bytes each."""
    rules = _Rules()
    for state in ("value", "first item"):
        _value(rules, state)
    rules.on("first item", b"]", _CLOSES_ARRAY)
    for state in ("first key", "key"):
        rules.on(state, _SPACE, state)
        rules.on(state, b'"', "key:")
    rules.on("first key", b"}", _CLOSES_OBJECT)
    rules.on("colon", _SPACE, "colon")
    rules.on("colon", b":", "value")
    for state in ("end", "zero", "whole", "fraction", "exponent"):
        rules.on(state, _SPACE, "end")
        rules.on(state, b",", _COMMA)
        rules.on(state, b"]", _CLOSES_ARRAY)
        rules.on(state, b"}", _CLOSES_OBJECT)
    _numbers(rules)
    for word in ("true", "false", "null"):
        for at in range(1, len(word)):
            rules.on(word[:at], word[at].encode(), word[: at + 1] if at + 1 < len(word) else "end")
    _string(rules, "value:", "end")
    _string(rules, "key:", "colon")
    return bytes(rules.table)


def _value(rules: _Rules, state: str) -> None:
    rules.on(state, _SPACE, state)
    rules.on(state, b'"', "value:")
    rules.on(state, b"{", _OPENS_OBJECT)
    rules.on(state, b"[", _OPENS_ARRAY)
    rules.on(state, b"-", "minus")
    rules.on(state, b"0", "zero")
    rules.on(state, _DIGITS[1:], "whole")
    for word in ("t", "f", "n"):
        rules.on(state, word.encode(), word)


def _numbers(rules: _Rules) -> None:
    rules.on("minus", b"0", "zero")
    rules.on("minus", _DIGITS[1:], "whole")
    rules.on("whole", _DIGITS, "whole")
    for state in ("zero", "whole"):
        rules.on(state, b".", "point")
    for state in ("zero", "whole", "fraction"):
        rules.on(state, b"eE", "e")
    for state in ("point", "fraction"):
        rules.on(state, _DIGITS, "fraction")
    rules.on("e", b"+-", "e sign")
    for state in ("e", "e sign", "exponent"):
        rules.on(state, _DIGITS, "exponent")


def _string(rules: _Rules, kind: str, after: str) -> None:
    rules.on(kind, range(0x20, 0x80), kind)
    rules.on(kind, b'"', after)
    rules.on(kind, b"\\", f"{kind}escape")
    rules.on(f"{kind}escape", b'"\\/bfnrt', kind)
    rules.on(f"{kind}escape", b"u", f"{kind}u")
    rules.on(f"{kind}u", _HEX, f"{kind}u.")
    rules.on(f"{kind}u.", _HEX, f"{kind}u..")
    rules.on(f"{kind}u..", _HEX, f"{kind}u...")
    rules.on(f"{kind}u...", _HEX, kind)
    _utf8(rules, kind)


def _utf8(rules: _Rules, kind: str) -> None:
    """Add the well-formed sequences of Unicode's table 3-7."""
    following = range(0x80, 0xC0)
    rules.on(kind, range(0xC2, 0xE0), f"{kind}1 more")
    rules.on(kind, range(0xE0, 0xF0), f"{kind}2 more")
    rules.on(kind, range(0xF1, 0xF4), f"{kind}3 more")
    for first, state in ((0xE0, "after e0"), (0xED, "after ed"), (0xF0, "after f0"), (0xF4, "after f4")):
        rules.on(kind, [first], kind + state)
    rules.on(f"{kind}3 more", following, f"{kind}2 more")
    rules.on(f"{kind}2 more", following, f"{kind}1 more")
    rules.on(f"{kind}1 more", following, kind)
    rules.on(f"{kind}after e0", range(0xA0, 0xC0), f"{kind}1 more")
    rules.on(f"{kind}after ed", range(0x80, 0xA0), f"{kind}1 more")
    rules.on(f"{kind}after f0", range(0x90, 0xC0), f"{kind}2 more")
    rules.on(f"{kind}after f4", range(0x80, 0x90), f"{kind}2 more")


def _data() -> str:
    return "".join(f"\\{byte:02x}" for byte in table())


MODULE_TEXT = f"""(module
    (memory (export "memory") 3)
    (data (i32.const {_TABLE_AT}) "{_data()}")
    (global $state (mut i32) (i32.const {_STATES["value"]}))
    (global $depth (mut i32) (i32.const 0))
    (func (export "feed") (param $length i32) (result i32)
        (local $at i32) (local $state i32) (local $depth i32) (local $next i32) (local $is_array i32)
        (local.set $state (global.get $state))
        (local.set $depth (global.get $depth))
        (block $done (loop $each
            (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
            (local.set $next (i32.load8_u offset={_TABLE_AT}
                (i32.or (i32.shl (local.get $state) (i32.const 8)) (i32.load8_u (local.get $at)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (if (i32.lt_u (local.get $next) (i32.const {_OPENS_OBJECT})) (then
                (local.set $state (local.get $next))
                (br $each)))
            (if (i32.le_u (local.get $next) (i32.const {_OPENS_ARRAY})) (then
                (if (i32.eq (local.get $depth) (i32.const {MOST_DEPTH})) (then (return (i32.const 2))))
                (local.set $is_array (i32.sub (local.get $next) (i32.const {_OPENS_OBJECT})))
                (i32.store8 offset={_STACK_AT} (local.get $depth) (local.get $is_array))
                (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
                (local.set $state (select (i32.const {_STATES["first item"]}) (i32.const {_STATES["first key"]})
                    (local.get $is_array)))
                (br $each)))
            (if (i32.or (i32.eqz (local.get $depth)) (i32.eq (local.get $next) (i32.const {_WRONG})))
                (then (return (i32.const 1))))
            (local.set $is_array (i32.load8_u offset={_STACK_AT} (i32.sub (local.get $depth) (i32.const 1))))
            (if (i32.eq (local.get $next) (i32.const {_COMMA})) (then
                (local.set $state
                    (select (i32.const {_STATES["value"]}) (i32.const {_STATES["key"]}) (local.get $is_array)))
                (br $each)))
            (if (i32.ne (local.get $is_array) (i32.sub (local.get $next) (i32.const {_CLOSES_OBJECT})))
                (then (return (i32.const 1))))
            (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
            (local.set $state (i32.const {_STATES["end"]}))
            (br $each)))
        (global.set $state (local.get $state))
        (global.set $depth (local.get $depth))
        (i32.const 0))
    (func (export "end") (result i32)
        (i32.or (i32.ne (global.get $depth) (i32.const 0))
                (i32.gt_u (global.get $state) (i32.const {_STATES["exponent"]})))))"""
"""Exports: ``memory``, whose first PIECE_BYTES hold a piece; ``feed(length)``, which takes it and answers one of
``Verdicts``; ``end()``, which says whether what was fed is a whole text: fine, or wrong."""
