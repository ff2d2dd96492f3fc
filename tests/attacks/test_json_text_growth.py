"""Everything that reads text from outside takes time in proportion to it, whatever the text is made of.

Each reader is fed texts that repeat a few of its own tokens, thousands of times, with something before and behind:
what backtracks, or starts anew from every token, is found by four times the text taking much more than four times
the computing time.
"""

import base64
import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from engine.builtin import logic_filter_switch as filters
from engine.builtin.parts import (
    exact_arithmetic,
    jmespath_meter,
    json_path,
    numbers,
    routine_template,
    url_template,
)
from engine.compile import bindings
from engine.components import definition as declaration
from proto import long_numbers
from service.addresses import ip, origins
from service.catalog import deep_json
from service.cli import inject_syntax as injections
from service.documents import yaml as yaml_reader
from service.documents import yaml_source
from service.http import ndjson
from service.jwt import verification as jwt_verification
from service.live import commands, selection
from service.observability import request_observer, trace
from service.socketio import frames, packets

CHARACTERS = 12_000
TRIES = 25
NOTICED_SECONDS = 0.05
"""What is faster on the longer text is no matter of concern, whatever the ratio of two small numbers is."""


def read_lines(text: str) -> None:
    """A stream of messages."""
    lines = ndjson.MessageLines(10**9)
    lines.feed(text.encode())
    lines.end()


def read_claims(text: str) -> None:
    """A part of a token."""
    jwt_verification._object(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode())


def read_scalar(text: str) -> None:
    """A plain scalar of YAML."""
    for pattern in (yaml_reader._INTEGER, yaml_reader._FLOAT, yaml_reader._ENDLESS):
        pattern.fullmatch(text)


def compare_number(text: str) -> None:
    """A number of any length, as a JSON value and as a text, which is compared with another."""
    filters.compare(long_numbers.decode_whole(text.encode()), "gt", 10)
    filters.compare(text, "gt", 10)


def prepare_yaml(text: str) -> None:
    """A text of YAML 1.2, for a reader of YAML 1.1."""
    for _ in yaml_source.preparing(text):
        pass


READERS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "a dotted path": (json_path.fields, ["a", ".", "_", "!", "1"]),
    "an exact number": (exact_arithmetic.exact_number, ["1", ".", "e", "-", "0", "+", "x"]),
    "a number of any length": (compare_number, ["1", "9" * 50, ".", "e", "-", "0", "+", " ", "E9"]),
    "a number in a text": (numbers.number_in, ["1", "0", ".", "e", "-", "+", " ", "\t", "x"]),
    "a text of YAML": (
        prepare_yaml,
        ["?", ":", " ", '"', "]", "\n", "%a", "---", "\\", "\\ud83d", "\\ude00", "\u2028"],
    ),
    "an expression": (exact_arithmetic.parse, ["1", "+", "(", ")", " ", "{a}", ".", "e", "-"]),
    "a path of a URL": (
        lambda text: url_template.UrlTemplate("http://h/" + text),
        ["{a}", "{", "}", "/", ".", "a", "?"],
    ),
    "a host of a URL": (
        lambda text: url_template.UrlTemplate("http://" + text),
        ["a", "/", ":", "@", "[", "]", "1", "."],
    ),
    "a text with placeholders": (routine_template.Template, ["{a}", "{", "}", "a", ".", "{a.b}"]),
    "a JMESPath": (jmespath_meter.Path, ["a", ".", "[", "*", "]", "|", "@", "(", ")", "`", '"', "&&", "?"]),
    "an identifier": (declaration._IDENTIFIER.fullmatch, ["a", ".", "-", "!"]),
    "a type of events": (bindings._PATTERN.fullmatch, ["a", ".", "*", ":", "/"]),
    "a host": (ip._NAME.fullmatch, ["a", ".", "-", "!", "_"]),
    "an origin": (origins.host_of, ["http://", "a", ".", "*", ":", "[", "]", "/"]),
    "a token": (jwt_verification.parse, ["eyJ", ".", "a", "A", "=", "-"]),
    "claims": (read_claims, ["{", '"a":', "[", "]", "}", "1", ",", '"', "\\", "9" * 50]),
    "a trace": (lambda text: trace._PARENT.fullmatch(text.encode()), ["00-", "a", "-", "0" * 32]),
    "a caller's trace": (
        lambda text: request_observer._PARENT.fullmatch(text.encode()),
        ["00-", "a", "-", "0" * 32],
    ),
    "a scalar of YAML": (read_scalar, ["1", ".", "e", "+", "-", "0x", "0o", "f", "x"]),
    "lines of messages": (read_lines, ["\n", " ", "{", '"', "\r", "[", '{"nodeId":"a","port":"b","value":1}']),
    "a list of resources": (
        lambda text: list(deep_json.members(text.encode())),
        ["[", "]", "{", '"', "\\", ",", '\\"', "a"],
    ),
    "a message of an argument": (injections.parse_argument, [":", "=", "a", "1", "[", '"']),
    "an event of Socket.IO": (
        lambda text: packets.PacketDecoder(10**9, lambda _: True).receive("2" + text),
        ["[", "]", '"', "a", ",", "/", "1", "-", "\\"],
    ),
    "a packet with attachments": (
        lambda text: packets.PacketDecoder(10**9).receive("5" + text),
        ["1", "-", "[", '"'],
    ),
    "a payload of long-polling": (
        lambda text: list(frames.read_payload(text)),
        ["4", "\x1e", "b", "a", "AAAA", "2"],
    ),
    "a payload of a live client": (
        lambda text: commands.read_payload(text.encode(), selection.Subscribe),
        ["{", '"nodes":', "[", '"a"', ",", "]", "}", "\\"],
    ),
}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Pauses of the collector are nobody's fault here."""
    gc.disable()
    yield
    gc.enable()


def cost(read: Callable[[str], object], text: str) -> float:
    """Computing time of one reading, the least of two."""
    best = float("inf")
    for _ in range(2):
        started = time.thread_time()
        with suppress(Exception):
            read(text)
        best = min(best, time.thread_time() - started)
    return best


def assert_grows_alike(name: str, unit: str, before: str, behind: str) -> None:
    """A longer text of this kind takes its reader no more than in proportion."""
    texts = [before + unit * (size // len(unit)) + behind for size in (CHARACTERS, 4 * CHARACTERS)]
    short, long = (cost(READERS[name][0], text) for text in texts)
    assert long < max(NOTICED_SECONDS, 8 * short), (unit, before, behind)


@pytest.mark.parametrize("name", READERS)
def test_four_times_the_text_takes_about_four_times_the_time(name: str) -> None:
    """Whatever the tokens, their order and what stands around them."""
    tokens = READERS[name][1]
    chance = random.Random(name)
    for _ in range(TRIES):
        unit, before, behind = ("".join(chance.choices(tokens, k=chance.randint(1, 4))) for _ in range(3))
        assert_grows_alike(name, unit, before, behind)


@pytest.mark.parametrize(
    ("name", "unit", "before", "behind"),
    [
        ("a list of resources", '"\\', '\\"\\', "[\\"),
        ("an exact number", "1", "", "x"),
        ("a scalar of YAML", "1", "", "x"),
    ],
)
def test_what_once_grew_faster_does_so_no_more(name: str, unit: str, before: str, behind: str) -> None:
    """Each of these was quadratic: it was tried again from every token, or every digit was given back."""
    assert_grows_alike(name, unit, before, behind)
