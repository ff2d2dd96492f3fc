"""What is used of the insides of Hypercorn, h11 and Quart-Trio, name by name.

Whoever lets one of them move reads this list beside their changes. A name that has gone fails here; one that means
something else now fails where it is used, or not at all, so its reason is said.
"""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import h11
import hypercorn.protocol
import hypercorn.protocol.h11
import hypercorn.trio.run
import hypercorn.trio.task_group
import hypercorn.trio.tcp_server
import pytest
from h11._connection import Connection
from h11._receivebuffer import ReceiveBuffer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody

import service
from service.asgi.http_protocol import HttpProtocol
from service.asgi.hypercorn_server import GuardedTCPServer, guard_connections
from service.asgi.request_tasks import GuardedTaskGroup
from service.asgi.websocket_stream import BoundedWebSocket

SERVICE = Path(service.__file__).parent


def test_the_classes_that_serve_a_connection_are_ours() -> None:
    """Hypercorn finds them as globals of these modules, under these names, and takes them from there."""
    guard_connections()
    replaced: list[tuple[ModuleType, str, type, Callable[..., Any]]] = [
        (hypercorn.trio.run, "TCPServer", GuardedTCPServer, hypercorn.trio.run.worker_serve),
        (hypercorn.trio.tcp_server, "TaskGroup", GuardedTaskGroup, TCPServer.run),
        (hypercorn.trio.tcp_server, "ProtocolWrapper", HttpProtocol, TCPServer.run),
        (hypercorn.protocol.h11, "WSStream", BoundedWebSocket, H11Protocol._create_stream),
    ]
    for module, name, own, maker in replaced:
        assert getattr(module, name) is own
        assert name in inspect.unwrap(maker).__code__.co_names, f"{maker.__qualname__} makes no {name} any more"


@pytest.mark.parametrize(
    ("kind", "methods", "attributes"),
    [
        # What a connection does at its beginning and at its end, and where what comes is read.
        (
            TCPServer,
            "run protocol_send _read_data _initiate_server_close",
            "config context idle_task stream send_lock protocol _task_group",
        ),
        # What is spoken: its own reading is replaced, its writing and its streams are used.
        (
            H11Protocol,
            "handle stream_send _handle_events _create_stream _close_stream _send_h11_event",
            "app can_read client config connection_state context keep_alive_requests server stream task_group",
        ),
        # A WebSocket: all of it is replaced, but what its maker gave it.
        (
            WSStream,
            "handle app_send idle",
            "app client closed config response scheme scope send server state stream_id task_group",
        ),
        (TaskGroup, "spawn_app spawn", "_nursery"),
    ],
)
def test_what_is_used_of_hypercorn_is_there(kind: type, methods: str, attributes: str) -> None:
    """Methods by their names; attributes because the class itself uses them."""
    assert [name for name in methods.split() if not hasattr(kind, name)] == []
    source = inspect.getsource(inspect.getmodule(kind) or kind)
    assert [name for name in attributes.split() if f"self.{name}" not in source] == []


def test_an_application_is_run_as_hypercorn_runs_it() -> None:
    """The tasks of a connection call this themselves: it answers 500 where an application fails."""
    parameters = inspect.signature(hypercorn.trio.task_group._handle).parameters
    assert list(parameters) == ["app", "config", "scope", "receive", "send", "sync_spawn", "call_soon"]


def test_h11_reads_from_one_buffer() -> None:
    """Which is replaced; these are all the ways in which h11 takes lines and bytes out of it."""
    connection = Connection(h11.SERVER)
    assert isinstance(connection._receive_buffer, ReceiveBuffer)
    assert isinstance(connection._max_incomplete_event_size, int)
    ways = {name for name in vars(ReceiveBuffer) if not name.startswith("__")}
    assert ways == {
        "_extract",
        "maybe_extract_at_most",
        "maybe_extract_next_line",
        "maybe_extract_lines",
        "is_next_line_obviously_invalid_request_line",
    }


def test_quart_trio_reads_bodies_where_it_is_replaced() -> None:
    """A streamed body waits for room there; how much it holds is seen in its data."""
    assert list(inspect.signature(TrioASGIHTTPConnection.handle_messages).parameters)[1:] == [
        "nursery",
        "request",
        "receive",
    ]
    body = TrioBody(None, None)
    assert (bytes(body._data), body._complete.is_set()) == (b"", False)


def test_nobody_else_knows_hypercorn() -> None:
    """Outside of its room only ASGI's types are taken from it."""
    found = {
        f"{path.relative_to(SERVICE).as_posix()}: {module}"
        for path in SERVICE.rglob("*.py")
        if path.relative_to(SERVICE).parts[0] != "asgi"
        for module in _imported(path)
        if module.partition(".")[0] in {"hypercorn", "h11"} and module != "hypercorn.typing"
    }
    assert found == set()


def _imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules
