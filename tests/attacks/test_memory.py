"""Whatever callers keep in the service, multiply or leave behind, its memory stays bounded, and others go on.

Each attack goes to a real service with default settings, in a process of its own. While it lasts, the resident
memory stays under the bound; after it, a plain message is processed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx
import pytest

from tests.attacks.test_http_edge_memory import MOST_RESIDENT_MB, resident_mb
from tests.engine.executions import document
from tests.service.serving import Process, single, start_process

MB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


class Attacked:
    """A service under attack, and the most that it has held.

    Attributes:
        peak_mb: of resident memory, by a look every 20 ms.
    """

    def __init__(self, process: Process, client: httpx.Client) -> None:
        self._process = process
        self._is_over = threading.Event()
        self._looker = threading.Thread(target=self._look)
        self.client = client
        self.peak_mb = 0

    def __enter__(self) -> Self:
        self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._looker.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.02):
            self.peak_mb = max(self.peak_mb, resident_mb(self._process))

    def load(self, graph: Any) -> str:
        """Load a graph; its id."""
        reply = self.client.post("/api/graphs", json=graph)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def execute(self, graph_id: str, **options: Any) -> str:
        """Execute a graph; the execution's id."""
        reply = self.client.post(f"/api/graphs/{graph_id}/execute", json={"completion": "manual", **options})
        assert reply.status_code == 201, reply.text
        return str(reply.json()["executionId"])

    def inject(
        self, execution: str, node_id: str, value: bytes, port: str = "in", query: str = ""
    ) -> httpx.Response:
        """Inject JSON text."""
        body = b'{"nodeId":"%b","port":"%b","value":%b}' % (node_id.encode(), port.encode(), value)
        return self.client.post(f"/api/executions/{execution}/inject{query}", content=body, headers=JSON)

    def fill(self, execution: str, node_id: str, value: bytes, most: int, port: str = "in") -> int:
        """Inject a value until it is refused, by memory; how many were taken."""
        for taken in range(most):
            reply = self.inject(execution, node_id, value, port)
            if reply.status_code != 200:
                assert reply.status_code in (409, 429, 503), reply.text
                if reply.status_code != 409:
                    assert int(reply.headers["Retry-After"]) >= 1
                return taken
        return most


@contextmanager
def attacked(**environment: str) -> Iterator[Attacked]:
    """A service to be attacked; at the end it must have kept its bound, and process a message."""
    with (
        start_process({"AUTH": "none", **environment}) as process,
        httpx.Client(base_url=process.url, timeout=30) as client,
        Attacked(process, client) as service,
    ):
        yield service
        assert client.get("/health/live").status_code == 200
        for listed in client.get("/api/executions?limit=200").json()["executions"]:
            client.delete(f"/api/executions/{listed['id']}")
        execution = service.execute(service.load(single("symbia.core.passthrough")))
        reply = service.inject(execution, "only", b"1", query="?wait=5000")
        assert (reply.status_code, reply.json()["outputs"]["only:out"]["value"]) == (200, 1)
        assert service.peak_mb < MOST_RESIDENT_MB


def text_of(megabytes: float) -> bytes:
    """A JSON string of so many megabytes."""
    return b'"' + b"x" * int(megabytes * MB) + b'"'


def test_messages_that_a_paused_execution_holds() -> None:
    """Ten thousand may be held, but not ten thousand of 9 MB."""
    with attacked() as service:
        execution = service.execute(service.load(single("symbia.core.passthrough")))
        service.client.post(f"/api/executions/{execution}/pause")
        assert 1 <= service.fill(execution, "only", text_of(9), 60) <= 12


def test_many_paused_executions() -> None:
    """What one execution may not hold, a hundred may not hold together."""
    with attacked() as service:
        graph = service.load(single("symbia.core.passthrough"))
        taken = 0
        for _ in range(30):
            execution = service.execute(graph)
            service.client.post(f"/api/executions/{execution}/pause")
            taken += service.fill(execution, "only", text_of(9), 2)
        assert taken <= 12


KEEPERS: dict[str, dict[str, Any]] = {
    "delays": {"component": "symbia.core.delay", "config": {"ms": 3_600_000}},
    "accumulators": {"component": "symbia.core.accumulator", "config": {"count": 100_000}},
    "one side of zips": {"component": "symbia.core.merge", "config": {"mode": "zip", "inputs": ["in", "b"]}},
}


@pytest.mark.parametrize("keeper", KEEPERS)
def test_nodes_that_keep_what_they_get(keeper: str) -> None:
    """Fifty nodes that each keep 16 MB and more of what they are sent."""
    graph = document({f"n{number}": KEEPERS[keeper] for number in range(50)}, role="pipeline")
    with attacked() as service:
        execution = service.execute(service.load(graph))
        for number in range(50):
            if service.fill(execution, f"n{number}", text_of(7), 3) == 0:
                break
        else:
            pytest.fail("a hundred values of 7 MB were taken in")


def test_merges_that_double_a_value() -> None:
    """27 merges in a row, each with its value on two ports, make 3.7 GB of one byte."""
    nodes: dict[str, Any] = {"first": "symbia.core.passthrough"}
    edges = []
    before = "first"
    for number in range(27):
        merge = f"m{number}"
        nodes[merge] = {"component": "symbia.core.merge", "config": {"mode": "all", "inputs": ["a", "b"]}}
        edges += [f"{before}:out > {merge}:a", f"{before}:out > {merge}:b"]
        before = merge
    with attacked() as service:
        execution = service.execute(service.load(document(nodes, edges)), completion="auto")
        service.inject(execution, "first", b"1", query="?wait=20000")
        shown = service.client.get(f"/api/executions/{execution}").json()
        assert shown["state"] == "failed"
        assert "value_bytes" in shown["error"]["message"] or "ORG_MAX_MEMORY_BYTES" in shown["error"]["message"]


def test_one_value_that_fans_out_to_a_thousand_nodes() -> None:
    """Shared or not, a thousand nodes that each make 1 MB of it do not hold a gigabyte."""
    nodes: dict[str, Any] = {"first": "symbia.core.passthrough"}
    for number in range(100):
        nodes[f"m{number}"] = {
            "component": "symbia.core.merge",
            "config": {"mode": "all", "inputs": ["a"]},
        }
        nodes[f"d{number}"] = KEEPERS["delays"]
    edges = [f"first:out > m{number}:a" for number in range(100)]
    edges += [f"m{number}:out > d{number}:in" for number in range(100)]
    with attacked() as service:
        execution = service.execute(service.load(document(nodes, edges, role="pipeline")))
        assert service.fill(execution, "first", text_of(5), 5) <= 5
        service.client.get(f"/api/executions/{execution}/metrics")


def test_a_reply_that_shows_one_value_at_999_ports() -> None:
    """1 MB in, 999 MB out: what is too much is left out, and says how large it was."""
    nodes: dict[str, Any] = {"first": "symbia.core.passthrough"}
    nodes |= {f"n{number}": "symbia.core.passthrough" for number in range(999)}
    edges = [f"first:out > n{number}:in" for number in range(999)]
    with attacked() as service:
        execution = service.execute(service.load(document(nodes, edges)))
        reply = service.inject(execution, "first", text_of(1), query="?wait=20000")
        assert reply.status_code == 200, reply.text[:500]
        assert len(reply.content) < 17 * MB  # 12 of the last values, 4 of all in their order, and their names
        outputs = reply.json()["outputs"]
        assert reply.json()["truncated"]
        shown = [output for output in outputs.values() if output["value"] is not None]
        left_out = [output for output in outputs.values() if "omittedBytes" in output]
        assert 1 <= len(shown) <= 12
        assert all(output == {"value": None, "lane": "canonical", "omittedBytes": MB + 2} for output in left_out)
        assert len(shown) + len(left_out) == len(outputs)


def guest(source: str, **limits: int) -> dict[str, Any]:
    """A component of the attacker's."""
    return {
        "id": "custom.attack",
        "name": "Attack",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out", "error"]},
        "execution": {"type": "javascript", "source": source, "limits": limits},
    }


def test_log_lines_of_megabytes() -> None:
    """120 lines of 4 MB do not become a reply of 480 MB, nor stay with the service."""
    talker = guest("return { process(ctx) { ctx.log('info', 'x'.repeat(4000000)) } }", logBytes=4_194_304)
    with attacked() as service:
        assert service.client.post("/api/components", json=talker).status_code == 201
        execution = service.execute(service.load(single("custom.attack", onError="continue")))
        body = {"messages": [{"nodeId": "only", "port": "in", "value": 1}] * 60}
        for _ in range(2):
            service.client.post(f"/api/executions/{execution}/inject?wait=25000", json=body)
        logs = service.client.get(f"/api/executions/{execution}/logs")
        assert logs.status_code == 200
        assert len(logs.content) < MB
        assert service.client.get(f"/api/executions/{execution}").json()["metrics"]["messagesProcessed"] == 120


def test_states_that_the_host_keeps() -> None:
    """What guests write into their states is kept on the host: thirty of 14 MB are not."""
    source = "return { process(ctx, port, value) { ctx.setState('s', 'x'.repeat(14000000)) } }"
    keeper = guest(source, stateBytes=33_554_432, cpuMs=10_000)
    with attacked() as service:
        assert service.client.post("/api/components", json=keeper).status_code == 201
        graph = service.load(single("custom.attack"))
        kept = 0
        for _ in range(30):
            started = service.client.post(f"/api/graphs/{graph}/execute", json={"completion": "manual"})
            if started.status_code == 201:
                execution = started.json()["executionId"]
                service.inject(execution, "only", b"1", query="?wait=20000")
                kept += service.client.get(f"/api/executions/{execution}").json()["state"] == "running"
        assert kept <= 6


def test_what_is_kept_of_ended_executions() -> None:
    """A hundred executions that ended, each with 200 lines of 20 kB, are kept within bytes."""
    source = "return { process(ctx) { for (let i = 0; i < 200; i++) ctx.log('info', 'x'.repeat(20000)) } }"
    talker = guest(source, logBytes=4_194_304)
    with attacked() as service:
        assert service.client.post("/api/components", json=talker).status_code == 201
        graph = service.load(single("custom.attack"))
        inputs = [{"nodeId": "only", "port": "in", "value": 1}]
        for _ in range(100):
            started = service.client.post(f"/api/graphs/{graph}/execute", json={"inputs": inputs})
            assert started.status_code == 201, started.text
            service.client.post(f"/api/executions/{started.json()['executionId']}/stop?drain=true")
        page = service.client.get("/metrics").text
        history = 'symbia_tenant_memory_bytes{kind="history"}'
        (line,) = (line for line in page.splitlines() if line.startswith(history))
        assert float(line.split()[1]) <= 16 * MB


def test_much_that_is_held_and_deleted_again_and_again() -> None:
    """What an execution held is free when it is deleted, not when a collector comes by."""
    with attacked() as service:
        graph = service.load(single("symbia.core.passthrough"))
        for _ in range(6):
            execution = service.execute(graph)
            service.client.post(f"/api/executions/{execution}/pause")
            assert service.fill(execution, "only", text_of(9), 20) >= 5
            assert service.client.delete(f"/api/executions/{execution}").is_success


def test_one_event_for_a_thousand_places_in_many_executions() -> None:
    """One event of 9 MB that is bound to 100 places in each of 12 executions."""
    names = [f"n{number}" for number in range(100)]
    graph = document(dict.fromkeys(names, KEEPERS["delays"]))
    graph["bindings"] = {name: {"input": {"network": "attack.*", "protocol": "ws"}} for name in names}
    event = {"payload": {"type": "attack.now", "data": "x" * 9 * MB}, "hash": "h"}
    event["wrapper"] = {
        "id": "e1",
        "runId": "r1",
        "timestamp": "2026-01-31T12:00:00.000Z",
        "source": "shop",
        "path": ["shop"],
        "boundary": "intra",
    }
    said = {"X-Symbia-Event-Id": "e1", "X-Symbia-Run-Id": "r1"}
    with attacked() as service:
        loaded = service.load(graph)
        for _ in range(12):
            service.client.post(f"/api/graphs/{loaded}/execute", json={})
        reply = service.client.post("/api/network/receive", json=event, headers=said)
        assert reply.status_code == 200, reply.text[:300]
        assert 1 <= reply.json()["delivered"] <= 15
        assert {refusal["code"] for refusal in reply.json()["refused"]} == {"memory.owner_bound"}


def test_another_owner_is_served_while_one_is_full() -> None:
    """The bound of one owner is met long before that of all: see the bounds that are shown."""
    with attacked() as service:
        execution = service.execute(service.load(single("symbia.core.passthrough")))
        service.client.post(f"/api/executions/{execution}/pause")
        taken = service.fill(execution, "only", text_of(9), 40)
        refused = service.inject(execution, "only", text_of(9))
        assert taken <= 12
        assert (refused.status_code, refused.json()["code"]) == (429, "memory.owner_bound")
        assert "ORG_MAX_MEMORY_BYTES" in refused.json()["error"]
