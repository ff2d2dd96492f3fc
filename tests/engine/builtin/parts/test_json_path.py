import json
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts import json_path
from tests.engine.builtin.harness import JSON_VALUES

NAMES = st.sampled_from(["a", "b", "_c", "data"])
OBJECTS = st.recursive(JSON_VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=10)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("data", ("data",)),
        ("data.items", ("data", "items")),
        ("_a1.B", ("_a1", "B")),
        *(
            (path, None)
            for path in ["", ".", "a.", ".a", "a..b", "a[0]", "a b", '"a"', "1a", "a-b", "é", "@", "a\n"]
        ),
    ],
)
def test_recognises_dotted_paths(path: str, names: tuple[str, ...] | None) -> None:
    """Names joined by dots are a dotted path, and nothing else is."""
    assert json_path.fields(path) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"a": {"b": 1.10}}', b"1.10"),
        (b' { "a" : { "b" : 12345678901234567890 } } ', b"12345678901234567890"),
        (b'{"a": {"b": {"z": 1,  "y": 2}}}', b'{"z": 1,  "y": 2}'),
        (b'{"a": {"b": 1, "b": 2}}', b"2"),
        (b'{"\\u0061": {"b": true}}', b"true"),
        (b'{"a": [{"b": 1}]}', None),
        (b'{"a": null}', None),
        (b'{"b": 1}', None),
        (b"7", None),
    ],
)
def test_finds_the_text_as_it_stands(text: bytes, found: bytes | None) -> None:
    """What is found at a.b is the text itself; where the way leads through no object, there is nothing."""
    assert json_path.find(text, ("a", "b")) == found


@given(OBJECTS, st.lists(NAMES, min_size=1, max_size=4))
def test_agrees_with_the_library(value: Any, names: list[str]) -> None:
    """A dotted path finds what JMESPath finds."""
    found = json_path.find(json.dumps(value).encode(), tuple(names))
    assert json.loads(found or b"null") == jmespath.search(".".join(names), value)


@given(OBJECTS, st.lists(st.lists(NAMES, max_size=4).map(tuple), max_size=6))
def test_looking_twice_finds_the_same(value: Any, ways: list[tuple[str, ...]]) -> None:
    """What was opened on the way to one path misleads nobody on the way to another."""
    text = json.dumps(value).encode()
    document = json_path.Document(text)
    for names in (*ways, *ways):
        assert document.find(names) == json_path.Document(text).find(names)
