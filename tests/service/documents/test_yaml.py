"""YAML as JSON with fewer brackets: what is read, and what is refused."""

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proto.codec import decode, encode
from proto.json_text import MAX_DEPTH
from service.documents.reading import MAX_YAML_BYTES, DocumentError, decode_document, format_of_file
from service.documents.yaml import YamlError, read_yaml

# YAML allows no control characters.
TEXTS = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"),
    max_size=20,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("2026-01-31", "2026-01-31"),
        ("12:30:45", "12:30:45"),
        ("1.0", 1.0),
        ("'1.0'", "1.0"),
        ("017", 17),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3e2", -300.0),
        ("~", None),
        ("{a: , b: true}", {"a": None, "b": True}),
        ("1: one", {"1": "one"}),
        ("no: way", {"no": "way"}),
        ("!!str 1", "1"),
        ("!!float 1", 1),
        ("- a\n- [b, {c: d}]", ["a", ["b", {"c": "d"}]]),
        ("text: |\n  two\n  lines\n", {"text": "two\nlines\n"}),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    """Plain scalars are null, booleans and numbers as YAML 1.2 says; everything else is text."""
    result = read_yaml(text.encode())
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x 1\nb: *x", "Anchors and aliases are not taken at line 1"),
        ("a: &x [1]\nb: 2", "Anchors and aliases"),
        ("? [a]\n: b", "A key must be text at line 1"),
        ("? {a: b}\n: c", "A key must be text"),
        ("a: 1\na: 2", "The key 'a' comes twice at line 2"),
        ("!!python/object/apply:os.system [ls]", "tag"),
        ("!!timestamp 2026-01-01", "tag"),
        ("!!int yes", "does not fit its tag"),
        ("!!int true", "does not fit its tag"),
        ("<<: {a: 1}", "Merge keys are not taken"),
        ("x: .inf", "JSON has no number"),
        ("x: .NaN", "JSON has no number"),
        ("x: 1e999", "too large"),
        ("a: [1, 2", "This is not YAML"),
        ("a: b: c", "at line 1"),
        ("--- 1\n--- 2", "Expected one YAML document, got 2"),
        ("# nothing", "There is nothing in this YAML but comments"),
        ("a: '\x01'", "This is not YAML"),
    ],
)
def test_what_json_cannot_say_or_might_explode_is_refused(text: str, complaint: str) -> None:
    """The refusal says what is wrong, and where."""
    with pytest.raises(YamlError) as caught:
        read_yaml(text.encode())
    assert complaint in str(caught.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    """YAML is UTF-8 here; other bytes are named by their place."""
    with pytest.raises(YamlError, match="byte 3"):
        read_yaml(b"a: \xff")


def test_depth_is_bounded_without_recursion() -> None:
    """Nesting up to the limit is read; beyond it is refused, however deep it is."""
    depth = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert isinstance(read_yaml(depth.encode()), list)
    with pytest.raises(YamlError, match="nested deeper"):
        read_yaml(f"[{depth}]".encode())
    with pytest.raises(YamlError):
        read_yaml(b"[" * 100_000)
    with pytest.raises(YamlError):
        read_yaml(b"- " * 100_000 + b"x")


def test_size_is_bounded() -> None:
    """YAML longer than the limit is refused before it is parsed, with the advice to send JSON."""
    with pytest.raises(DocumentError, match="send it as JSON"):
        decode_document(b"#" * (MAX_YAML_BYTES + 1), "yaml")


@given(value=VALUES)
def test_json_is_yaml(value: Any) -> None:
    """Every JSON text without repeated keys means the same when it is read as YAML."""
    text = encode(value)
    assert read_yaml(text) == decode(text)


@given(value=VALUES)
def test_what_a_yaml_writer_writes_is_read_back(value: Any) -> None:
    """A document with quotes and tags, as a common YAML library writes it, comes back as it was."""
    read = read_yaml(yaml.safe_dump(value, allow_unicode=True, default_style='"').encode())
    assert read == value or (isinstance(value, float) and math.isclose(read, value))


@given(text=st.one_of(st.binary(max_size=60), st.text(alphabet="-?:,[]{}#&*!|>'\"%@` \n\tab01.~<", max_size=60)))
def test_any_bytes_are_read_or_refused(text: bytes | str) -> None:
    """Whatever comes, it is a value that JSON can say, or the one documented error."""
    try:
        value = read_yaml(text if isinstance(text, bytes) else text.encode())
    except YamlError:
        return
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    ("name", "form"), [("a.yaml", "yaml"), ("B.YML", "yaml"), ("a.json", "json"), ("a", "json")]
)
def test_a_files_name_says_its_format(name: str, form: str) -> None:
    """YAML by its two endings, JSON otherwise."""
    assert format_of_file(name) == form


def test_yaml_of_very_many_values_is_refused() -> None:
    """A megabyte of the smallest values is half a million objects; fewer are taken."""
    with pytest.raises(YamlError, match="more than 200000 names"):
        read_yaml(b"[" + b"1," * 200_000 + b"1]")
    assert len(read_yaml(b"[" + b"1," * 1_000 + b"1]")) == 1_001


def test_a_number_with_endless_digits_is_read_in_no_time() -> None:
    """A plain scalar that only looks like a number is text, and each of its digits is looked at once."""
    text = b"1" * 500_000 + b"x"
    started = time.thread_time()
    assert read_yaml(text) == text.decode()
    assert time.thread_time() - started < 0.1
