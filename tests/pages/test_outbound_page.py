"""docs/outbound.md says what the program does."""

import hashlib
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.builtin.io_http_request import TIMEOUT_LIMIT_MS
from engine.builtin.parts.http_response import DATA_LIMIT_BYTES
from engine.builtin.parts.redirects import REDIRECT_LIMIT
from engine.components.definition import parse_component
from engine.limits import EngineLimits
from service.addresses.ip import METADATA, SPECIAL_IPV4, SPECIAL_IPV6
from service.addresses.outbound_rules import DEFAULT_PORTS, OutboundMode, read_allow_list
from service.outbound.backend import ADDRESS_LIMIT, CONNECT_SECONDS
from service.outbound.clients import ANSWER_LIMIT_BYTES
from service.outbound.source_fetcher import FETCH_SECONDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "outbound.md").read_text(encoding="utf-8")
MIB = 1024 * 1024


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> list[tuple[str, str]]:
    """The rows of a section's table of two columns, without its head."""
    lines = re.findall(r"^\| (.*) \| (.*) \|$", section(heading), re.MULTILINE)
    return lines[2:]


def _codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_every_special_address_stands_in_the_table() -> None:
    """Each network and each metadata service, under the kind that a refusal tells; and nothing else does."""
    listed = {(kind, address) for kind, addresses in rows("What is refused") for address in _codes(addresses)}
    special = {(kind, str(network)) for network, kind in (*SPECIAL_IPV4, *SPECIAL_IPV6)}
    special |= {("a cloud's metadata service", str(address)) for address in METADATA}
    assert special <= listed
    assert {address for _, address in listed - special} == {"0:5efe", "200:5efe", "2000::/3"}


def test_every_mode_is_explained() -> None:
    """The table has one row for each value of OUTBOUND."""
    assert [_codes(mode)[0] for mode, _ in rows("What may be reached")] == list(get_args(OutboundMode))


def test_the_ports_are_the_default_ones() -> None:
    """The sentence on ports says what the program has."""
    assert str(DEFAULT_PORTS) == "80,443,1024-65535"
    assert "80, 443 and 1024 to 65535" in PAGE


@pytest.mark.parametrize("entry", [code for left, _ in rows("How to allow more") for code in _codes(left)])
def test_every_example_of_an_entry_is_taken(entry: str) -> None:
    """An entry copied from the page is read, and is written as it stands there."""
    assert str(read_allow_list(entry)) == entry


def test_the_bounds_are_those_of_the_program() -> None:
    """Each number of the table is the constant's."""
    limits = EngineLimits()
    longest, largest = TIMEOUT_LIMIT_MS // 60_000, DATA_LIMIT_BYTES // MIB
    assert rows("Bounds") == [
        ("finding a host's addresses and connecting to one", f"{CONNECT_SECONDS:g} s"),
        ("addresses of one host that are tried", str(ADDRESS_LIMIT)),
        ("redirects of one request", f"{REDIRECT_LIMIT}; their bodies are not read"),
        (
            "a request of a graph",
            f"`timeoutMs` and `maxResponseBytes` of its node, {longest} minutes and {largest} MiB at the most",
        ),
        ("fetching a source", f"{FETCH_SECONDS:g} s, and {limits.source_bytes // MIB} MiB"),
        ("any other answer", f"{ANSWER_LIMIT_BYTES // MIB} MiB"),
    ]


def test_the_example_component_is_the_one_of_the_examples() -> None:
    """What stands on the page has no problem, and its hash is that of the source in examples/square.json."""
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    definition, problems = parse_component(msgspec.json.decode(example), EngineLimits())
    assert problems == []
    assert definition is not None
    square = msgspec.json.decode((ROOT / "examples" / "square.json").read_bytes())
    source = square["execution"]["source"].encode()
    assert definition.execution.sha256 == hashlib.sha256(source).hexdigest()
