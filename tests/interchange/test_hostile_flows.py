"""Files that are wrong, cruel or odd: each is refused as a whole, or imported with a word on what is wrong."""

import random
import time
from contextlib import suppress
from typing import Any

import pytest

from engine.runtime import open_runtime
from service.interchange.imported import NotImportableError
from service.interchange.nodered.importing import import_flows
from service.interchange.nodered.kinds.by_hand import OTHERWISE
from tests.interchange.mutated import complaints_of, mutated
from tests.interchange.red import edges, graph, imported, red, said, tab


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"a": 1}, "An export of Node-RED is a list of nodes"),
        ("text", "An export of Node-RED is a list of nodes"),
        ([], "There is no node in it that could run"),
        ([tab(), red("c", "comment")], "There is no node in it that could run"),
        ([{"id": "s", "type": "subflow"}, red("a", "subflow:s", z="s")], "There is no node in it that could run"),
        ([tab(disabled=True), red("a", "debug")], "There is no node in it that could run"),
        ([{"id": str(number), "type": "debug", "wires": []} for number in range(20_001)], "20001 nodes"),
    ],
)
def test_what_holds_no_flow_is_refused(document: Any, reason: str) -> None:
    """The file as a whole is refused, and why."""
    with pytest.raises(NotImportableError, match=reason):
        import_flows(document)


def test_subflows_that_double_at_each_level_are_refused() -> None:
    """Sixteen levels of two instances each would be 65,536 nodes."""
    levels = [
        node
        for number in range(16)
        for node in (
            {"id": f"s{number}", "type": "subflow", "name": f"s{number}", "in": [], "out": []},
            red(f"a{number}", f"subflow:s{number + 1}", z=f"s{number}"),
            red(f"b{number}", f"subflow:s{number + 1}", z=f"s{number}"),
        )
    ]
    last = {"id": "s16", "type": "subflow", "name": "s16", "in": [], "out": []}
    inside = red("end", "function", z="s16", func="")
    with pytest.raises(NotImportableError, match="more than 20000 nodes"):
        imported(*levels, last, inside, red("top", "subflow:s0"))


def test_a_subflow_within_itself_is_left_out_with_its_circle() -> None:
    """The inner instance is named, and where it stands."""
    made = imported(
        {"id": "s", "type": "subflow", "name": "S", "in": [{"wires": [{"id": "f"}]}], "out": []},
        red("f", "function", "again", z="s", func="return msg;"),
        red("again", "subflow:s", z="s"),
        red("top", "subflow:s"),
    )
    assert said(made, "byHand") == ["again: The subflow contains itself: S in S; the inner one is left out"]


def test_a_cycle_loses_the_wire_that_leads_back() -> None:
    """The others stay, and the report names the wire."""
    nodes = (
        red("start", "inject", "a"),
        red("a", "function", "b", func="return msg;"),
        red("b", "switch", "c", "a", rules=[{"t": "true"}, {"t": "else"}]),
        red("c", "debug"),
    )
    assert edges(graph(*nodes)) == {"start:out > a:in", "a:out > b:in", "b:out1 > c:in"}
    assert said(imported(*nodes), "byHand") == [
        "b: Its wire to a closes a cycle and is left out: graphs have none"
    ]


def test_a_cycle_of_junctions_and_links_ends() -> None:
    """Junctions that only lead to each other lead nowhere."""
    made = graph(
        red("start", "inject", "j"),
        red("j", "junction", "k"),
        red("k", "junction", ["j", "end"]),
        red("out", "link out", links=["in"]),
        red("in", "link in", "out"),
        red("end", "debug"),
    )
    assert edges(made) == {"start:out > end:in"}


def test_wires_to_nothing_and_doubled_ids_are_told() -> None:
    """A wire to a node that is not there, a node that is there twice, and what is no node at all."""
    made = import_flows([tab(), red("a", "inject", ["b", "b", "ghost"]), red("b", "debug"), red("b", "change"), 5])
    assert edges(made.graphs[0]) == {"a:out > b:in"}
    assert said(made, "leftOut") == [
        "b: A node with this id stands before it in the file, and only the first one counts",
        "[4]: It is no node: a node is an object with a type",
        "a: A wire leads to ghost, which is not in its tab; it is left out",
    ]


def test_disabled_nodes_take_their_wires_with_them() -> None:
    """What is switched off has no part in the graph."""
    made = imported(red("a", "inject", "b"), red("b", "function", "c", d=True), red("c", "debug"))
    assert edges(made.graphs[0]) == set()
    assert said(made, "leftOut") == ["b: It is disabled"]


def test_an_unknown_node_between_others_refuses_its_messages() -> None:
    """At an end it is an entry or an exit; in between, to hand a message on unchanged would be a wrong answer."""
    made = imported(
        red("in", "mqtt in", "between"), red("between", "weather", "out"), red("out", "mqtt out", broker="x")
    )
    components = {node["id"]: node["component"] for node in made.graphs[0].document["nodes"]}
    assert components == {
        "in": "symbia.core.passthrough",
        "between": "nodered.stub",
        "out": "symbia.core.passthrough",
    }
    assert [line.split(";")[0] for line in said(made, "byHand")] == [
        "in: What it would send is to be injected into in:in",
        f"between: It refuses each message until it is written: {OTHERWISE}",
        "out: What it would take leaves the graph at out:out",
    ]


def test_a_fan_of_thousands_of_wires_stays_small() -> None:
    """A junction where hundreds meet hundreds stays a node, rather than becoming their product in wires."""
    sources = [red(f"s{number}", "inject", "j") for number in range(200)]
    targets = [red(f"t{number}", "debug") for number in range(200)]
    made = graph(*sources, red("j", "junction", [node["id"] for node in targets]), *targets)
    assert len(made.document["edges"]) == 400


def test_a_long_chain_needs_no_recursion() -> None:
    """Two thousand nodes in a row, the last of which leads back to the first."""
    chain = [red(f"n{number}", "change", f"n{(number + 1) % 2_000}", rules=[]) for number in range(2_000)]
    assert len(graph(*chain).document["edges"]) == 1_999


def test_a_tab_beyond_all_bounds_is_refused() -> None:
    """Before its wires are put together."""
    with pytest.raises(NotImportableError, match="5001 nodes in one graph"):
        imported(*(red(f"n{number}", "debug") for number in range(5_001)))


def test_code_that_is_made_to_be_slow_to_read_is_read_at_once() -> None:
    """Comments that never end, and lists that never close, cost a look at each letter."""
    for code in ("/*" * 50_000, "flow.get(['a'" + "   'b'" * 15_000, "context" * 15_000, "{{" * 25_000):
        began = time.process_time()
        imported(red("f", "function", func=code), red("t", "template", template=code))
        assert time.process_time() - began < 1


def test_halves_of_surrogate_pairs_become_signs_that_can_be_written() -> None:
    """A name with half a pair would refuse the graph."""
    made = graph(red("a", "debug") | {"name": "x\ud83dy"})
    assert made.document["nodes"][0]["name"] == "x\ufffdy"


@pytest.mark.parametrize("seed", range(60))
def test_flows_changed_at_random_are_imported_or_refused(seed: int) -> None:
    """Nothing else comes of them; ``python -m tests.interchange.mutated`` loads the graphs of thousands."""
    with suppress(NotImportableError):
        assert import_flows(mutated(random.Random(seed))).graphs


async def test_what_is_made_of_changed_flows_loads() -> None:
    """Four of them, for each costs the compilation of its programs."""
    async with open_runtime() as runtime:
        registered: dict[str, Any] = {}
        for seed in range(4):
            assert await complaints_of(mutated(random.Random(seed)), runtime, registered) == []
