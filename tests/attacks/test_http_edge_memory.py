"""What is on its way, bodies and replies, takes bounded memory, and so do the connections that it comes on.

Each attack goes to a real service in a process of its own, by many connections at once. While it lasts, the
service's resident memory stays under the bound, and another caller is served.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.service.serving import Process, single, start_process

MB = 1024 * 1024
MOST_RESIDENT_MB = 400
"""With default settings, whatever comes."""


def resident_mb(process: Process) -> int:
    """What a service holds of the machine's memory."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


@contextmanager
def connections(process: Process, count: int, *, receive_bytes: int = 0) -> Iterator[list[socket.socket]]:
    """Connections to a service; ``receive_bytes`` is what their kernel takes for a caller who does not read."""
    host, _, port = process.url.removeprefix("http://").rpartition(":")
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            each = stack.enter_context(socket.socket())
            if receive_bytes:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            each.settimeout(10)
            each.connect((host, int(port)))
            opened.append(each)
        yield opened


def send(connection: socket.socket, content: bytes) -> bool:
    """Send bytes; whether all were taken."""
    try:
        connection.sendall(content)
    except (ConnectionError, TimeoutError):
        return False
    return True


def answers(opened: list[socket.socket]) -> list[tuple[int, dict[str, str], str]]:
    """The replies that have come: status, headers, and the code of the refusal."""
    found = []
    for connection in opened:
        connection.settimeout(0.2)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (ConnectionError, TimeoutError):
            pass
        if received:
            head, _, body = received.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            found.append((int(lines[0].split()[1]), headers, json.loads(body)["code"]))
    return found


def serves_another(process: Process) -> None:
    """A small message of another caller gets through, and so does a small document."""
    with httpx.Client(base_url=process.url, timeout=30) as client:
        assert client.get("/health").status_code == 200
        graph = client.post("/api/graphs", json=single("symbia.core.passthrough"))
        assert graph.status_code == 201, graph.text
        started = client.post(f"/api/graphs/{graph.json()['id']}/execute", json={"completion": "manual"})
        assert started.status_code == 201, started.text
        execution = started.json()["executionId"]
        message = {"nodeId": "only", "port": "in", "value": 1}
        assert client.post(f"/api/executions/{execution}/inject", json=message).status_code == 200
        assert client.delete(f"/api/executions/{execution}").status_code == 204


def test_bodies_that_do_not_end_take_bounded_memory() -> None:
    """Sixty of 11 MB: some are held, the others are refused with the bound's name and when to try again."""
    head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12000000\r\n\r\n"
    with start_process() as process, connections(process, 60) as opened:
        for connection in opened:
            send(connection, head + b'"' + b"a" * 11 * MB)
        assert resident_mb(process) < MOST_RESIDENT_MB
        serves_another(process)
        refusals = answers(opened)
        assert len(refusals) > 40
        for status, headers, code in refusals:
            assert (status, code) in {(429, "memory.owner_bound"), (503, "memory.process_bound")}
            assert int(headers["retry-after"]) > 0


def test_lines_that_do_not_end_take_bounded_memory() -> None:
    """Sixty streams with one line of 11 MB each, which has no end."""
    with start_process() as process, httpx.Client(base_url=process.url) as client:
        graph = client.post("/api/graphs", json=single("symbia.core.passthrough")).json()["id"]
        execution = client.post(f"/api/graphs/{graph}/execute", json={}).json()["executionId"]
        head = f"POST /api/executions/{execution}/inject HTTP/1.1\r\nHost: localhost\r\n".encode()
        head += b"Content-Type: application/x-ndjson\r\nContent-Length: 12000000\r\n\r\n"
        with connections(process, 60) as opened:
            for connection in opened:
                send(connection, head + b'"' + b"a" * 11 * MB)
            assert resident_mb(process) < MOST_RESIDENT_MB
            serves_another(process)
            codes = {code for _, _, code in answers(opened)}
            assert codes == {"memory.owner_bound"}


def test_posts_of_socket_io_that_do_not_end_take_bounded_memory() -> None:
    """Three hundred sessions that post a megabyte each by long-polling, but for its end."""
    with (
        start_process() as process,
        connections(process, 300) as opened,
        httpx.Client(base_url=process.url, timeout=30) as client,
    ):
        for connection in opened:
            session = _admitted_session(client)
            head = f"POST {session} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode()
            send(connection, head + b"4" * 990_000)
        assert resident_mb(process) < 250
        serves_another(process)


def _admitted_session(client: httpx.Client) -> str:
    """The path of a new session that has been let into the main namespace."""
    path = "/socket.io/?EIO=4&transport=polling"
    path += f"&sid={json.loads(client.get(path).text[1:])['sid']}"
    assert client.post(path, content="40").text == "ok"
    assert client.get(path).text.startswith("40")
    return path


def test_replies_that_nobody_reads_take_bounded_memory() -> None:
    """A hundred of 7 MB: what is not yet on its way is refused, and small replies still go out."""
    document = {**single("symbia.core.passthrough"), "metadata": {"text": "a" * 7 * MB}}
    with start_process() as process, httpx.Client(base_url=process.url, timeout=30) as client:
        graph = client.post("/api/graphs", json=document)
        assert graph.status_code == 201, graph.text
        request = f"GET /api/graphs/{graph.json()['id']} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with connections(process, 100, receive_bytes=4096) as opened:
            for connection in opened:
                send(connection, request)
            client.get("/health")
            serves_another(process)
            assert resident_mb(process) < MOST_RESIDENT_MB
            beginnings = [connection.recv(12) for connection in opened]
        assert 0 < beginnings.count(b"HTTP/1.1 200") < 20
        assert beginnings.count(b"HTTP/1.1 429") + beginnings.count(b"HTTP/1.1 503") > 80


def test_requests_under_way_take_bounded_memory() -> None:
    """Of two thousand that have begun and do not go on, the oldest give way to each new one, that goes on."""
    head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    with start_process() as process, connections(process, 2000) as opened:
        for connection in opened:
            send(connection, head)
        serves_another(process)
        assert resident_mb(process) < MOST_RESIDENT_MB
        refusals = answers(opened[:20])
        assert len(refusals) == 20
        assert {code for _, _, code in refusals} == {"memory.owner_bound"}


@pytest.mark.parametrize("said", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 15_000])
def test_connections_that_wait_give_way(said: bytes) -> None:
    """Whoever opens them and says nothing, or no whole head, keeps nobody out."""
    with start_process({"MAX_CONNECTIONS": "50"}) as process, connections(process, 300) as opened:
        for connection in opened:
            send(connection, said)
        for _ in range(3):
            serves_another(process)
        closed = 0
        for connection in opened[:240]:
            connection.settimeout(1)
            try:
                closed += connection.recv(1) == b""
            except ConnectionError:
                closed += 1
        assert closed == 240


def test_connections_at_work_stay_and_new_ones_are_refused() -> None:
    """Where every place is taken by a request under way, a new caller hears so at once, and may come later."""
    head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with start_process({"MAX_CONNECTIONS": "20"}) as process:
        with connections(process, 20) as opened:
            for connection in opened:
                send(connection, head)
                assert connection.recv(100).startswith(b"HTTP/1.1 100")  # it is at work
            refused = httpx.get(f"{process.url}/health")
            assert (refused.status_code, refused.json()["code"]) == (503, "connections.limit")
            assert "MAX_CONNECTIONS" in refused.json()["error"]
            assert refused.headers["retry-after"]
            send(opened[0], b"{x")
            assert opened[0].recv(12) == b"HTTP/1.1 400"
        serves_another(process)


def test_more_connections_than_files_keep_nobody_out() -> None:
    """Where the system gives few files, connections take a part of them, and the rest is left for the work."""
    with start_process(open_files=200) as process:
        with connections(process, 400):
            serves_another(process)
        status, log = process.end()
    assert (status, "Traceback" in log) == (0, False)
