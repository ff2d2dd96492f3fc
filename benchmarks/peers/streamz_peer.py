"""Streamz, a Python library of dataflow, as a peer: every node of a graph is one of its ``map`` streams."""

import json
import sys
import time
from typing import Any

import streamz

from benchmarks.works import WORKS


class Flow:
    """A graph of streams; what leaves it is counted."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self.seen = 0
        self.last: Any = None
        works = {node["id"]: WORKS[node["work"]].run for node in graph["nodes"]}
        self.entrances = {node: streamz.Stream() for node in works}
        made = {node: self.entrances[node].map(work) for node, work in works.items()}
        for source, target in graph["edges"]:
            made[source].connect(self.entrances[target])
        fed = {source for source, _ in graph["edges"]}
        for node in works.keys() - fed:
            made[node].sink(self._take)

    def send(self, node: str, value: Any) -> None:
        """Push a value through, to its end: a stream calls the next one."""
        self.entrances[node].emit(value)

    def _take(self, value: Any) -> None:
        self.seen += 1
        self.last = value


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to a request; an engine without queues needs no waiting."""
    flows = [Flow(request["graph"]) for _ in range(request["executions"])]
    warm = _push(flows, request, request["warmUp"])
    measured = {"throughput": _throughput, "closed": _closed, "open": _open}[request["mode"]](flows, request)
    sent = warm + (measured.get("messages") or len(measured["latencies"]))
    seen = sum(flow.seen for flow in flows)
    if seen != sent * request["outputs"]:
        return {"error": f"{sent} messages made {seen} outputs"}
    return {**measured, "last": flows[0].last}


def _push(flows: list[Flow], request: dict[str, Any], messages: int) -> int:
    entries, value = request["entries"], request["value"]
    each = max(1, messages // len(flows))
    for index in range(each):
        for flow in flows:
            flow.send(entries[index % len(entries)], value)
    return each * len(flows)


def _throughput(flows: list[Flow], request: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    pushed = _push(flows, request, request["messages"])
    return {"seconds": time.perf_counter() - began, "messages": pushed}


def _closed(flows: list[Flow], request: dict[str, Any]) -> dict[str, Any]:
    latencies = []
    for _ in range(request["messages"]):
        began = time.perf_counter()
        _push(flows[:1], request, 1)
        latencies.append(time.perf_counter() - began)
    return {"latencies": latencies}


def _open(flows: list[Flow], request: dict[str, Any]) -> dict[str, Any]:
    latencies = []
    began = time.perf_counter()
    for index in range(request["messages"]):
        due = began + index / request["rate"]
        while time.perf_counter() < due:
            pass
        _push(flows[:1], request, 1)
        latencies.append(time.perf_counter() - due)
    return {"latencies": latencies}


def main() -> None:
    """Answer requests until there are no more."""
    print(json.dumps({"name": "Streamz", "version": streamz.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
