"""YAML 1.2 by a reader of YAML 1.1: what is read as the newer standard has it, and what nobody notices."""

import time

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from service.documents.yaml import YamlError, read_yaml, reading
from service.documents.yaml_source import Source, preparing


def prepared(text: str) -> Source:
    steps = preparing(text)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            source: Source = end.value
            return source


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # ? and : begin a plain text where something follows
        ("{ ?foo: bar }", {"?foo": "bar"}),
        ("[ ?x ]", ["?x"]),
        ("{ ?foo }", {"?foo": None}),
        ("[?x, :y, ::z]", ["?x", ":y", "::z"]),
        ("{x: :x}", {"x": ":x"}),
        ("{a :b}", {"a :b": None}),
        ("[a?b, c:d, ?\u00a0e]", ["a?b", "c:d", "?\u00a0e"]),
        ("- ?a\n- :b", ["?a", ":b"]),
        # and are what they were otherwise
        ("{? a : b}", {"a": "b"}),
        ("? a\n: b", {"a": "b"}),
        ('{"a":b, "c" :d, \'e\'  :f}', {"a": "b", "c": "d", "e": "f"}),
        ('{ "key"::value }', {"key": ":value"}),
        ("[\" ?x :y\", ' ?x :y']", [" ?x :y", " ?x :y"]),
        ("a: |\n  ?x :y\n   :z", {"a": "?x :y\n :z"}),
        ("a: 1 # ?b :c", {"a": 1}),
        # two escapes are one character between double quotes, and nowhere else
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"a\uD83D\uDE00b\ud83d\ude01"', "a\U0001f600b\U0001f601"),
        (r'{"\ud83d\ude00": "\\ud83d"}', {"\U0001f600": "\\ud83d"}),
        (r'"\\\ud83d\ude00"', "\\\U0001f600"),
        (r"'\uD83d\uDe00'", r"\uD83d\uDe00"),
        (r"\ud83d\ude00", r"\ud83d\ude00"),
        ("|\n" + r" \ud83d\ude00 ?x", r"\ud83d\ude00 ?x"),
        # characters that ended lines are characters
        ('"a\u2028b\u2029c\x85d"', "a\u2028b\u2029c\x85d"),
        ("a\u2028b: c\x85d", {"a\u2028b": "c\x85d"}),
        # a directive that nobody knows
        ("%FOO bar\n---\na: 1", {"a": 1}),
        ("# c\n%YAML 1.3 # more\n--- a", "a"),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("%TAG ! tag:example.com,2000:\n---\na: 1", {"a": 1}),
        ("a: '%FOO'\n", {"a": "%FOO"}),
        # the end of a block without a line end
        ("foo: |\n  x\n   ", {"foo": "x\n \n"}),
        # its own marks are texts of their own
        ("[\ue000, ?\ue001, \ue002]", ["\ue000", "?\ue001", "\ue002"]),
    ],
)
def test_texts_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """Each of these was misread, or refused, or must not be changed."""
    assert read_yaml(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (r'"\ud83d"', "invalid Unicode character escape code at line 1, column 4"),
        (r'"\\ud83d\ude00"', "invalid Unicode character escape code at line 1, column 11"),
        ("a: [?b, *c]", "line 1, column 9"),
        ("%YAML 2.0\n--- a", "incompatible YAML document"),
        ("%FOO\na: 1", "at line 1"),
        ("".join(map(chr, range(0xE000, 0xF900))) + " ?x", "all characters for private use"),
    ],
)
def test_refusals_have_the_authors_places(text: str, complaint: str) -> None:
    """What was replaced moved nothing."""
    with pytest.raises(YamlError) as caught:
        read_yaml(text.encode())
    assert complaint in str(caught.value)


PIECES = st.sampled_from(
    [
        *("?", ":", " ", "\n", "- ", "a", '"', "'", "[", "]", "{", "}", ",", ": ", "? ", "\\ud83d\\ude00", "\\"),
        *("\ue000", "|\n", "  ", "#", "%X\n", "---\n", "\u2028", "\x85", "\t", "&", "!!str ", "\\ud83d", "<<"),
    ]
)


@given(st.lists(PIECES, max_size=16).map("".join))
@example("? ?\n")
@example('{"a"\n:b}')
def test_any_text_is_read_or_refused(text: str) -> None:
    """Wherever it ends; and no mark is left in what was read."""
    source = prepared(text)
    assert len(source.text) - len(text) in (0, 1)
    try:
        value = read_yaml(text.encode())
    except YamlError:
        return
    found = str(value)
    assert not any(mark in found for mark in source.marks)


@given(st.lists(st.sampled_from(["a", "?", ":", "\\ud83d\\ude00", " ", "\u2028", "b"]), max_size=10).map("".join))
def test_quoted_and_block_texts_are_untouched(text: str) -> None:
    """Between single quotes and in a block, everything is itself."""
    assert read_yaml(f"['{text}', 1]".encode()) == [text, 1]
    assert read_yaml(f"- |2-\n  .{text}.\n- 1".encode()) == [f".{text}.", 1]


@pytest.mark.parametrize(
    "text",
    [
        " ?a" * 300_000,
        " :" * 500_000,
        '"' + "\\ud83d\\ude00" * 80_000 + '"',
        "% a\n" * 250_000 + "---",
        '"k"' + " " * 1_000_000 + ":x",
        "\\" * 1_000_000 + "ud83d\\ude00",
        '"\ue000' + "?x ?" * 200_000,
        "\u2028?a " * 150_000,
    ],
)
def test_no_step_is_long(text: str) -> None:
    """A megabyte of anything is prepared in short steps."""
    taken = []
    steps = preparing(text)
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except StopIteration:
            break
        finally:
            taken.append(time.thread_time() - began)
    assert max(taken) < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "!" + "t" * 900_000 + " a",
        "? " + "k" * 900_000 + "\n: 1\n? " + "k" * 900_000 + "\n: 2",
        "!!int " + "x" * 900_000,
        "a: " + "9" * 900_000,
        "a: 1" + "0" * 5_000 + ".5",
        "!<tag:" + "t" * 900_000 + "> [a]",
        "&" + "a" * 900_000 + " b",
        "*" + "a" * 900_000,
        "<<: 1\n" + "k" * 900_000,
        "%" + "F" * 900_000,
        '"\\' + "z" * 900_000,
    ],
)
def test_a_refusal_is_short(text: str) -> None:
    """It quotes no more than people read, whatever it refuses."""
    with pytest.raises(YamlError) as caught:
        for _ in reading(text.encode()):
            pass
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{ ?foo: bar }", {"foo": "bar"}),
        ("[?x]", [{"x": None}]),
        ('"a \u2028 b"', "a\u2028b"),
        ("[:x]", yaml.YAMLError),
        (r'"\ud83d\ude00"', yaml.YAMLError),
        ("%FOO\n--- a", yaml.YAMLError),
        ("foo: |\n  x\n   ", {"foo": "x\n "}),
    ],
)
def test_libyaml_is_still_wrong(text: str, wrong: object) -> None:
    """Each of these is mended on our side; where one fails here, the library has mended it itself."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if isinstance(wrong, type):
        with pytest.raises(wrong):
            yaml.load(text, Loader=loader)
    else:
        assert yaml.load(text, Loader=loader) == wrong
