"""What people are told to do about YAML that cannot be read."""

import pytest

from service.documents.reading import DocumentError, decode_document


def refusal(text: bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        decode_document(text, "yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "advice", "position"),
    [
        (b"a: x ? 1 : 2", '": " ends a key, as the one of "? :" does: put the text in quotes', (0, 9)),
        (b"a: value => ({x: 1})", '": " ends a key', (0, 15)),
        (b"- a: b: c", '": " ends a key', (0, 6)),
        (b"a: {e: x ? 1 : 2}", "within { } and [ ] a text ends at a comma", (0, 13)),
        (b"a: {e: [1, 2].length}", "within { } and [ ] a text ends at a comma", (0, 13)),
        (b'a: "x" + 1', "a text that begins with a quote or a bracket ends with it", (0, 7)),
        (b"a: [1].length", "a text that begins with a quote or a bracket ends with it", (0, 6)),
        (b"a:\n\tb: 1", "indent with spaces, not with tabs", (1, 0)),
        (b"a: |\n  x\n\ty", "indent with spaces, not with tabs", (2, 0)),
        (b"a: %x", "a text cannot begin with %: put the text in quotes", (0, 3)),
        (b"a: `x`", "a text cannot begin with `: put the text in quotes", (0, 3)),
        (b"a: !value.ok", "a text cannot begin with !: put the text in quotes", (0, 3)),
        (b"a: *x", "put a text that begins with * or & in quotes", (0, 3)),
        (b"a: b\n---\nc: d\n---\ne: f", "got 3 at line 2, column 1; put each into a file of its own", (1, 0)),
        (b"a: 1\n b: 2", "its indentation does not fit the lines above", (1, 2)),
        (b"- a: 1\n  b\n", 'each line of an object is "key: value"', (2, 0)),
    ],
)
def test_a_refusal_says_what_to_do(text: bytes, advice: str, position: tuple[int, int]) -> None:
    """And where, for those who jump there; the place stands in the message, and can be left out of it."""
    error = refusal(text)
    assert advice in str(error)
    assert error.position == position
    assert f"line {position[0] + 1}, column {position[1] + 1}" in str(error)
    assert "line" not in error.bare.replace("each line", "").replace("lines", "")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (b'{"a": 1,\n "b": tru}', (1, 10)),
        ('{"ä": "ö",}'.encode(), (0, 10)),
        (b'{"a": [1,\n', (0, 9)),
        (b'{"a":\n "\xff"}', (1, 2)),
    ],
)
def test_json_that_cannot_be_read_has_a_place(text: bytes, position: tuple[int, int]) -> None:
    """In lines and characters, not in bytes."""
    with pytest.raises(DocumentError) as caught:
        decode_document(text, "json")
    assert caught.value.position == position
    assert "byte 1" not in caught.value.bare
