"""The examples do what they are there to show, with the real engine and the real sandbox."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState
from proto.message import Injection
from service.documents.reading import decode_document, format_of_file
from service.http.openapi.first_graph import GRAPH

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def read(name: str) -> Any:
    return decode_document((EXAMPLES / name).read_bytes(), format_of_file(name))


async def run_with(runtime: Runtime, graph: Any, node: str, value: object) -> tuple[ExecutionSnapshot, list[str]]:
    """Run a graph on one value: the execution at its end, and the messages that it logged."""
    loaded = await runtime.library.load_graph(graph)
    message = Injection(node_id=node, port="in", value=msgspec.Raw(msgspec.json.encode(value)))
    started = await runtime.execute(loaded.id, ExecuteOptions(inputs=(message,)))
    finished = await runtime.execution(started.id).wait_finished()
    return finished, [entry.message for entry in runtime.execution(started.id).logs()]


async def test_the_quick_reference_doubles_21() -> None:
    """42 reaches the output node's log, after three messages processed."""
    async with open_runtime() as runtime:
        finished, logged = await run_with(runtime, read("quick_reference.json"), "input", 21)
    assert finished.state is ExecutionState.COMPLETED
    assert logged == ["42"]
    assert finished.metrics.messages_processed == 3


def test_the_quick_reference_is_what_serve_shows() -> None:
    """The example and the lines that the service prints at its start hold the same graph."""
    assert read("quick_reference.json") == json.loads(GRAPH)


async def test_the_square_component_squares_12() -> None:
    """The custom component is registered, and its graph logs 144."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(read("square.json"))
        finished, logged = await run_with(runtime, read("squares.json"), "square", 12)
    assert finished.state is ExecutionState.COMPLETED
    assert logged == ["144"]


@pytest.fixture
def items_url() -> Iterator[str]:
    """A server of this machine that answers as the example's placeholder would."""

    class Items(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"items": [{"id": 1}, {"id": 2}]}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Items) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/data"
        server.shutdown()
        thread.join()


async def test_the_etl_graph_logs_the_items_that_it_fetched(items_url: str) -> None:
    """With a real address in place of the placeholder, the fetched items reach the log."""
    graph = read("etl.yaml")
    graph["nodes"][0]["config"]["url"] = items_url
    async with open_runtime() as runtime:
        finished, logged = await run_with(runtime, graph, "extract", None)
    assert finished.state is ExecutionState.COMPLETED, finished.error
    assert [json.loads(line) for line in logged] == [[{"id": 1}, {"id": 2}]]


@pytest.mark.parametrize("name", ["quick_reference.json", "squares.json", "etl.yaml", "countries/graph.yaml"])
async def test_an_example_graph_has_no_problem(name: str) -> None:
    """Validation finds nothing wrong with any of them, their placeholders included."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(read("square.json"))
        assert await runtime.library.check_graph(read(name)) == ()
