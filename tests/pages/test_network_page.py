"""docs/network.md says what the program does."""

import json
import re
from pathlib import Path
from typing import Any

from engine.compile.bindings import MAX_BINDINGS
from engine.limits import EngineLimits
from service.network import delivery, dispatcher, events, outbox, relay
from service.settings.table import TABLE
from service.siblings.backoff import FIRST_SECONDS, LONGEST_SECONDS
from tests.fakes.network import serving_network
from tests.service.network.networked_runtime import open_networked_runtime

PAGE = (Path(__file__).parents[2] / "docs/network.md").read_text(encoding="utf-8")
EXAMPLES: list[Any] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_the_bounds_are_those_of_the_program() -> None:
    """Each number on the page is a constant of the code."""
    mib = 1024 * 1024
    assert f"at most {MAX_BINDINGS:,} bindings" in PAGE
    assert f"The last {delivery.SEEN_EVENTS:,} events are remembered" in PAGE
    room = f"{dispatcher.LANE_EVENTS} events wait for one execution, {dispatcher.WAITING_BYTES // mib} MiB for all"
    assert f"{room}, and an injection waits {EngineLimits().injection_wait_seconds:g} s" in PAGE
    waiting = f"{outbox.WAITING_EVENTS:,} of them wait, {outbox.OWNER_EVENTS} of one owner"
    assert f"{waiting}, {outbox.WAITING_BYTES // mib} MiB together" in PAGE
    assert f"at most {outbox.EVENT_BYTES:,} bytes" in PAGE
    assert f"not acknowledged within {relay.ACK_SECONDS:g} s" in PAGE
    assert f"a heartbeat every {relay.HEARTBEAT_SECONDS:g} s" in PAGE
    assert f"{outbox.WAITING_NEWS:,} of these events wait" in PAGE
    assert f"after {FIRST_SECONDS:g} s, doubled with each failure in a row up to {LONGEST_SECONDS:g} s" in PAGE
    assert f"sent again after {relay.REGISTER_SECONDS:g} s, five times in all" in PAGE
    assert relay.REGISTER_ATTEMPTS == 5
    assert f"`{events.REFUSED}`" in PAGE


def test_the_page_names_the_settings() -> None:
    """Each variable of the Network, and no other of that name."""
    variables = {name for row in TABLE if row.path[0] == "network" for name in row.variables}
    assert set(re.findall(r"\b(?:NETWORK_[A-Z_]+|RUNTIME_ADVERTISED_URL)\b", PAGE)) == variables


async def test_the_table_of_counts_is_what_is_counted() -> None:
    """No count without its row, and no row without its count."""
    async with serving_network() as network, open_networked_runtime(network.url) as world:
        await network.wait_registered()
        counted = set(world.report.counts)
    section = PAGE.split("| count |")[1]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)))) == counted


async def test_the_example_does_what_the_page_says() -> None:
    """An order comes in, and its price goes to the shop; the second shape binds the same port."""
    graph, second_shape = EXAMPLES
    async with serving_network() as network, open_networked_runtime(network.url) as world:
        await network.wait_registered()
        await world.start(graph)
        order = await network.send("shop", "orders.new", {"id": 7, "count": 2}, target="runtime")
        await network.wait_until(lambda: network.sent("orders.priced"))
        (priced,) = network.sent("orders.priced")
        loaded = await world.runtime.library.load_graph({**graph, "bindings": second_shape})
    assert priced["payload"]["data"] == {"id": 7, "total": 6}
    assert (priced["target"], priced["causedBy"]) == ("shop", order)
    assert [(each.network, each.node, each.port) for each in loaded.bindings.inputs] == [
        ("orders.*", "order", "in")
    ]
