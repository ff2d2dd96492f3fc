"""Texts that end anywhere, for whatever of ours reads one: it is read, or refused by the documented error."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.exact_arithmetic import ComputationError, ExpressionError, exact_number
from engine.builtin.parts.exact_arithmetic import parse as parse_expression
from engine.builtin.parts.jmespath_meter import Path, PathSyntaxError
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.numbers import number_in, number_said_by
from engine.builtin.parts.routine_message import read_message
from engine.builtin.parts.routine_template import Template
from engine.builtin.parts.url_template import UrlError, UrlTemplate
from engine.schemas.pattern_size import pattern_weight
from proto.codec import MalformedJsonError, decode, decode_text
from proto.json_text import ItemScanner, weigh
from proto.long_numbers import decode_whole
from service.documents.yaml import YamlError, read_yaml
from wasm_host.typescript.reposition import Printed, lay_out
from wasm_host.typescript.steps import at_once
from wasm_host.typescript.tokens import end_steps, tokens_of

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


def items(text: bytes) -> int:
    scanner = ItemScanner()
    scanner.feed(text)
    return scanner.items


PROGRAM = (
    "const a = /[/\\]]\\//g, b = `x${ {a: 'q\\'', b: \"\\u{61}\"} }y\\`$`; /* c * */ #p = 0x1F.e5_0n ?. 3 // z\n"
    "/\\"
)
JSON = (
    '{"a": [1, -2.5e-3, "\\u00e9\\ud83d\\ude00\\\\\\"", {"b": null}], "c": 12345678901234567890, "d": "\\ud83d"}'
)
SEARCH = 'a[?b >= `{"c": [1, "\\u00e9"]}`]."d\\n"[1:-2:3] | sort_by(@, &e)[*].{f: \'g\\\'\'}'
YAML = "%X y\n---\na: [?b, :c, 'd', \"\\ud83d\\ude00\", {e: f}]\n? g\n: |2-\n   h\n   \ni: !!str 1 # j\n"

TEXT_READERS: dict[str, tuple[Callable[[str], Any], str, tuple[type[Exception], ...]]] = {
    "tokens": (tokens_of, PROGRAM, ()),
    "ends of tokens": (lambda text: at_once(end_steps(text)), PROGRAM, ()),
    "keys of tokens": (lambda text: [token.key for token in tokens_of(text)], PROGRAM, ()),
    "layout": (lambda text: lay_out(PROGRAM, Printed(text, 0, 0)), PROGRAM, ()),
    "layout of a cut text": (lambda text: lay_out(text, Printed(PROGRAM, 0, 0)), PROGRAM, ()),
    "arithmetic": (parse_expression, "-({a.b} + 1.5e-3) * .5 / {c} - (2.)", (ExpressionError,)),
    "an exact number": (exact_number, "-12.50e-3", (ValueError, ComputationError)),
    "a number in a text": (number_in, " -12.5E+3 ", ()),
    "JMESPath": (Path, SEARCH, (PathSyntaxError,)),
    "words of a routine": (Template, "Hello {value.name}, {variables.x}} {{ {", (ValueError,)),
    "a URL": (UrlTemplate, "https://u:p@[::1]:8080/{a.b}/%E9?q={c}&r=%zz#{d}", (UrlError,)),
    "a pattern": (pattern_weight, r"^(?:[a-z\]]{2,}|\p{L}+?(?<n>x{3})){0,9}\u{61}$", ()),
}  # fmt: skip

BYTE_READERS: dict[str, tuple[Callable[[bytes], Any], bytes, tuple[type[Exception], ...]]] = {
    "JSON": (decode, JSON.encode(), (MalformedJsonError,)),
    "JSON with long numbers": (decode_whole, JSON.replace("-2.5e-3", "1e999").encode(), (MalformedJsonError,)),
    "a text of JSON": (decode_text, b'"\\ud83d\\u00e9\xc3\xa9\\\\"', UNREADABLE),
    "the weight of JSON": (weigh, JSON.encode(), ()),
    "the items of JSON": (items, JSON.encode(), ()),
    "a dotted path": (lambda text: Document(text).find(("a", "b")), JSON.encode(), UNREADABLE),
    "a message of a routine": (read_message, b'{"value": {"a": 1}, "variables": {"b": "\\ud83d"}}', UNREADABLE),
    "a number in JSON": (number_said_by, b'" -12.5e3 "', UNREADABLE),
    "YAML": (read_yaml, YAML.encode(), (YamlError,)),
}


def read_everywhere_cut(reader: Callable[[Any], Any], text: Any, errors: tuple[type[Exception], ...]) -> None:
    """Read each beginning of a text, and each beginning with a backslash or a quote behind it."""
    for end in range(len(text) + 1):
        for tail in ("", "\\", '"', "/\\", "\n"):
            cut = text[:end] + (tail if isinstance(text, str) else tail.encode())
            try:
                reader(cut)
            except errors:
                continue


@pytest.mark.parametrize("name", TEXT_READERS)
def test_a_text_may_end_anywhere(name: str) -> None:
    """Each beginning of a whole text is read, or refused as the reader says."""
    read_everywhere_cut(*TEXT_READERS[name])


@pytest.mark.parametrize("name", BYTE_READERS)
def test_bytes_may_end_anywhere(name: str) -> None:
    """Within a character, too."""
    read_everywhere_cut(*BYTE_READERS[name])


@given(st.data())
@pytest.mark.parametrize("name", TEXT_READERS)
def test_a_text_may_be_anything(name: str, data: st.DataObject) -> None:
    """Pieces of a whole text in any order, with characters of any kind between them."""
    reader, text, errors = TEXT_READERS[name]
    pieces = st.lists(st.text(alphabet=text, max_size=6) | st.text(max_size=2), max_size=6)
    try:
        reader("".join(data.draw(pieces)))
    except errors:
        return


@given(st.data())
@pytest.mark.parametrize("name", BYTE_READERS)
def test_bytes_may_be_anything(name: str, data: st.DataObject) -> None:
    """Pieces of a whole text in any order, with bytes of any kind between them."""
    reader, text, errors = BYTE_READERS[name]
    slices = st.tuples(st.integers(0, len(text)), st.integers(0, 12)).map(lambda at: text[at[0] : at[0] + at[1]])
    try:
        reader(b"".join(data.draw(st.lists(slices | st.binary(max_size=2), max_size=6))))
    except errors:
        return


def test_the_whole_texts_are_read() -> None:
    """They are none that are refused at once, which would prove nothing."""
    for reader, text, _ in TEXT_READERS.values():
        reader(text)
    for byte_reader, raw, _ in BYTE_READERS.values():
        byte_reader(raw)
