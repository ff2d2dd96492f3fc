"""A node with many incoming edges: each message is counted by its own edge, and the others cost nothing."""

import time

from engine.compile.compiler import compile_graph
from engine.contracts.handler import Message
from engine.execution.shared import ExecutionShared
from engine.limits import EngineLimits
from tests.engine.executions import document
from tests.engine.handlers import Journal, components

LIMITS = EngineLimits()


async def circuit_of(sources: int) -> ExecutionShared:
    nodes = {"sink": "forward", **{f"s{number}": "forward" for number in range(sources)}}
    drawn = document(nodes, [f"s{number}:out > sink:in" for number in range(sources)])
    graph = await compile_graph(drawn, components(Journal()), LIMITS, lambda: "now")
    return ExecutionShared("e", graph, LIMITS, (), lambda _: None, lambda: "now", spawn=lambda _: None)


async def test_messages_are_counted_by_their_edges() -> None:
    """In batches and alone; injected ones travel on none."""
    shared = await circuit_of(3)
    for edge, sent in ((0, 3), (1, 2), (2, 1)):
        shared.edges[edge].sent = sent
    shared.note_taken([Message(0, b"1", 1, edge) for edge in (0, 1, -1, 0)])
    shared.note_taken([Message(0, b"1", 1, 2)])
    assert [edge.taken for edge in shared.edges[:3]] == [2, 1, 1]
    assert [edge.peak for edge in shared.edges[:3]] == [3, 2, 1]


async def test_a_message_costs_the_same_however_many_edges_there_are() -> None:
    """Before, every edge of the node was looked at for each batch, and the batch for every edge."""
    seconds = []
    batch = [Message(0, b"1", 1, edge) for edge in range(64)]
    for sources in (200, 800):
        shared = await circuit_of(sources)
        began = time.thread_time()
        for _ in range(2_000):
            shared.note_taken(batch)
        seconds.append(time.thread_time() - began)
    assert seconds[1] < 2.5 * seconds[0]
