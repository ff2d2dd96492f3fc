"""Messages as people type them."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.codec import decode, encode
from service.cli.inject_syntax import (
    InjectionSyntaxError,
    PortAddress,
    parse_argument,
    parse_message_line,
    parse_port,
    parse_value_line,
)

NAMES = st.text(min_size=1, max_size=12).filter(lambda name: ":" not in name and "=" not in name)


@pytest.mark.parametrize(
    ("text", "node", "port", "value"),
    [
        ("input:in=21", "input", "in", b"21"),
        ("a:b:in=1", "a:b", "in", b"1"),
        ('n:in="a=b"', "n", "in", b'"a=b"'),
        ("n:in=12345678901234567890123", "n", "in", b"12345678901234567890123"),
        ('n:in={"b": 1,"a":2}', "n", "in", b'{"b": 1,"a":2}'),
    ],
)
def test_an_argument_is_a_place_and_a_value(text: str, node: str, port: str, value: bytes) -> None:
    """The last colon before the first equals sign divides node and port; the value stays as it is spelled."""
    injection = parse_argument(text)
    assert (injection.node_id, injection.port, bytes(injection.value)) == (node, port, value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "NODE:PORT=JSON"),
        ("input", "NODE:PORT=JSON"),
        (":in=1", "names no port"),
        ("input:=1", "names no port"),
        ("input:in=", "text needs quotes"),
        ("input:in=hello", "text needs quotes"),
        ("input:in=NaN", "text needs quotes"),
    ],
)
def test_a_wrong_argument_is_told_how_one_looks(text: str, complaint: str) -> None:
    """The message says what is missing, with an example."""
    with pytest.raises(InjectionSyntaxError) as caught:
        parse_argument(text)
    assert complaint in str(caught.value)


@given(node=NAMES, port=NAMES, value=st.integers() | st.text(max_size=9) | st.lists(st.booleans()))
def test_what_is_written_is_read(node: str, port: str, value: object) -> None:
    """Any node, port and value comes back out of an argument and out of a line."""
    text = encode(value)
    argument = parse_argument(f"{node}:{port}={text.decode()}")
    line = parse_message_line(encode({"nodeId": node, "port": port, "value": value}))
    for injection in (argument, line):
        assert (injection.node_id, injection.port, decode(bytes(injection.value))) == (node, port, value)


@given(line=st.binary(max_size=60), text=st.text(max_size=40))
def test_anything_is_read_or_refused(line: bytes, text: str) -> None:
    """Whatever is typed or piped in, it is a message or the one documented error."""
    value_line = partial(parse_value_line, port=PortAddress(node="n", port="in"))
    for parse in (partial(parse_message_line, line), partial(value_line, line), partial(parse_argument, text)):
        try:
            injection = parse()
        except InjectionSyntaxError:
            continue
        decode(bytes(injection.value))


def test_a_value_line_keeps_its_spelling() -> None:
    """The line is the value, without the blanks around it."""
    injection = parse_value_line(b' {"b":1.0} \r', parse_port("n:in"))
    assert bytes(injection.value) == b'{"b":1.0}'
