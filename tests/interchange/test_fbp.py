"""Networks of FBP and NoFlo as graphs: the text and the JSON."""

import random
import time
from contextlib import suppress
from typing import Any

import pytest

from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from service.interchange.fbp.importing import import_network
from service.interchange.fbp.text import read_text
from service.interchange.imported import Imported, NotImportableError
from tests.interchange.red import edges, said
from tests.interchange.running import Recorder

TEXT = """
# @name Count lines
INPORT=Read.IN:SOURCE
OUTPORT=Show.OUT:SHOWN
'it\\'s data' -> IN Read(filesystem/ReadFile:x=10,y=20)
Read OUT -> IN Split(strings/SplitStr), Read ERROR -> IN Show(core/Output)
Split OUT -> IN Wait(core/RepeatDelayed) OUT ->
  IN Count(packets/Counter) COUNT -> IN Show   # over two lines
'250' -> DELAY Wait
Count AGAIN[1] -> ERROR Split
"""

JSON: dict[str, Any] = {
    "properties": {"name": "Shown"},
    "inports": {"in": {"process": "Take", "port": "IN"}},
    "outports": {"out": {"process": "Find", "port": "out"}, "ghost": {"process": "None", "port": "out"}},
    "processes": {
        "Take": {"component": "core/Repeat", "metadata": {"x": 1, "y": 2}},
        "Find": {"component": "objects/ExtractProperty"},
        "Ours": {"component": "symbia.core.logger"},
    },
    "connections": [
        {"src": {"process": "Take", "port": "out"}, "tgt": {"process": "Find", "port": "in"}},
        {"data": "order.total", "tgt": {"process": "Find", "port": "key"}},
        {"data": {"order": {"total": 7}}, "tgt": {"process": "Take", "port": "in"}},
        {"src": {"process": "Find", "port": "out"}, "tgt": {"process": "Ours", "port": "in"}},
        {"src": {"process": "Take", "port": "missing"}, "tgt": {"process": "Ours", "port": "in"}},
        {"src": {"process": "Nobody", "port": "out"}, "tgt": {"process": "Ours", "port": "in"}},
        7,
    ],
}


def imported(text: str) -> Imported:
    """Import a text."""
    return import_network(text.encode(), None, "network")


def test_a_text_becomes_a_graph() -> None:
    """Chains, packets, options, exported ports; processes without a counterpart are components of their own."""
    made = imported(TEXT)
    (graph,) = made.graphs
    assert graph.document["name"] == "Count lines"
    assert edges(graph) == {
        "read-in-packet:out > read:in",
        "read:out > split:in",
        "read:error > show:in",
        "split:out > wait:in",
        "wait:out > count:in",
        "count:count > show:in",
    }
    nodes = {node["id"]: node for node in graph.document["nodes"]}
    assert nodes["read-in-packet"]["config"] == {"value": "it's data"}
    assert nodes["wait"]["config"] == {"ms": 250.0}
    assert nodes["read"]["position"] == {"x": 10.0, "y": 20.0}
    assert made.components["fbp.packets.counter"]["ports"] == {"inputs": ["in"], "outputs": ["count", "again-1"]}
    assert made.components["fbp.strings.split-str"]["ports"] == {"inputs": ["in", "error-in"], "outputs": ["out"]}
    assert graph.document["ports"] == {
        "inputs": [{"name": "source", "bind": {"node": "read", "port": "in"}}],
        "outputs": [{"name": "shown", "bind": {"node": "show", "port": "out"}}],
    }
    assert ": The connection to split closes a cycle and is left out: graphs have none" in said(made, "byHand")


async def test_a_graph_of_noflo_runs() -> None:
    """Its initial packet comes out at the end; what leads nowhere is told."""
    made = import_network(b"", JSON, "network")
    (graph,) = made.graphs
    recorder = Recorder({})
    async with open_runtime() as runtime:
        for name in graph.components:
            await runtime.library.register_component(made.components[name])
        loaded = await runtime.library.load_graph(graph.document)
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        handle = runtime.execution(execution.id)
        with handle.watch(recorder):
            await handle.complete()
            await handle.wait_finished()
    assert recorder.shown == {"ours": [7]}
    assert said(made, "leftOut") == [
        "connections[6]: It is no connection",
        ": A connection names the process Nobody, which is not there",
        ": The exported port ghost is of None, which is not there",
    ]
    assert said(made, "byHand") == [
        "Take: symbia.core.passthrough has no port missing; the connection is left out"
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "There is no process in it"),
        ("A OUT -> IN B\n-> C", "Line 2: nothing stands where"),
        ("A ->", "Line 1: nothing stands where"),
        ("'x' -> 'y' -> IN A", "Line 1: 'y' stands where"),
        ("A B C D -> IN E", "Line 1: A B C D stands where"),
        ("A OUT -> IN B\nA = B", "Line 2: '=' belongs to nothing"),
        ("INPORT=A:B", "Line 1: INPORT=A:B exports no port"),
    ],
)
def test_a_text_that_is_none_is_refused_with_its_line(text: str, reason: str) -> None:
    """The line, and what is wrong there."""
    with pytest.raises(NotImportableError, match=reason):
        imported(text)


def test_old_files_are_read_too() -> None:
    """They name no libraries, export either side by the same word, and write processes in capitals there."""
    made = imported(
        "EXPORT=MERGE.IN:SOURCE\nEXPORT=KEY.OUT:FOUND\nMerge(Merge) OUT -> IN Key(GetObjectKey)\n'a' -> KEY Key"
    )
    assert [node["component"] for node in made.graphs[0].document["nodes"]] == [
        *("symbia.core.passthrough", "symbia.data.json-transform")
    ]
    assert made.graphs[0].document["ports"] == {
        "inputs": [{"name": "source", "bind": {"node": "merge", "port": "in"}}],
        "outputs": [{"name": "found", "bind": {"node": "key", "port": "out"}}],
    }


def test_a_counterpart_that_lacks_its_option_is_written_by_hand() -> None:
    """A graph with it would not load: its key comes from another process, or from nobody."""
    made = imported("A(core/Repeat) OUT -> KEY Get(objects/GetObjectKey)")
    assert [node["component"] for node in made.graphs[0].document["nodes"]] == [
        *("symbia.core.passthrough", "fbp.objects.get-object-key")
    ]


def test_ports_may_be_left_away() -> None:
    """They are in and out then."""
    assert edges(imported("A(core/Repeat) -> B(core/Repeat) -> C(core/Output)").graphs[0]) == {
        "a:out > b:in",
        "b:out > c:in",
    }


def test_texts_that_are_changed_at_random_are_read_or_refused() -> None:
    """Letters lost, doubled and swapped: nothing else comes of it."""
    for seed in range(300):
        source = random.Random(seed)
        letters = list(TEXT)
        for _ in range(source.randint(1, 8)):
            letters[source.randrange(len(letters))] = source.choice(
                ["", "'", "->", "(", ")", "=", "\n", "[", "é", "\0"]
            )
        with suppress(NotImportableError):
            assert imported("".join(letters)).graphs


def test_a_text_of_blank_lines_is_read_at_once() -> None:
    """Two hundred thousand of them, and a word at the end."""
    began = time.process_time()
    assert read_text(b"\n" * 200_000 + b"A(core/Output)").processes
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["A(B) " * 10_000, "'' " * 10_000, "A " + "x" * 10_000 + "( B"])
def test_a_refusal_quotes_little_of_the_file(text: str) -> None:
    """A line may have a megabyte."""
    with pytest.raises(NotImportableError) as refusal:
        read_text(text.encode())
    assert len(str(refusal.value)) < 600
