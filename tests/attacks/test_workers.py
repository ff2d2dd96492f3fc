"""Can one owner's heavy work keep another's small work waiting?"""

from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.message import Injection
from tests.wasm_host.component_model.components import component

EXPLOSION = " | ".join(["[@, @]"] * 60)
"""A path that doubles its value sixty times: it uses up all the steps that there are."""

PATIENCE_SECONDS = 40.0


def transforms(path: str, nodes: int = 1) -> dict[str, Any]:
    """A graph of so many json-transforms side by side, called ``n0``, ``n1``, and so on."""
    same = {"component": "symbia.data.json-transform", "config": {"path": path}, "onError": "continue"}
    made = [{"id": f"n{index}", **same} for index in range(nodes)]
    return {"symbia": "1.0", "name": "Transforms", "version": "1.0.0", "nodes": made, "edges": []}


async def begun(runtime: Runtime, owner: str, document: dict[str, Any], value: bytes) -> ExecutionSnapshot:
    """An execution of a graph, one message on its way to each of its nodes."""
    graph = await runtime.library.load_graph(document, owner=owner)
    snapshot = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
    messages = [Injection(node["id"], "in", msgspec.Raw(value)) for node in document["nodes"]]
    await runtime.execution(snapshot.id).inject(messages)
    return snapshot


async def test_a_small_list_does_not_wait_for_the_paths_of_another_owner() -> None:
    """While twenty exploding paths of one owner wait for each other, another's list of 3,000 is transformed.

    Before, all of them waited in one row for one thread.
    """
    records = msgspec.json.encode([{"id": number, "name": "x" * 20} for number in range(3_000)])
    async with open_runtime() as runtime:
        heavy = await begun(runtime, "heavy", transforms(EXPLOSION, 20), b"1")
        await trio.testing.wait_all_tasks_blocked()
        light = await begun(runtime, "light", transforms("[*].{id: id}"), records)
        with trio.fail_after(PATIENCE_SECONDS):
            await runtime.execution(light.id).wait_quiescent()
        assert runtime.execution(light.id).snapshot().metrics.messages_processed == 1
        assert runtime.execution(light.id).snapshot().metrics.error_count == 0
        assert runtime.execution(heavy.id).snapshot().metrics.messages_processed < 10


def module(name: str, functions: int) -> dict[str, Any]:
    """A component whose module has so many functions beside what it needs."""
    extra = " ".join(f"(func (result i32) (i32.const {number}))" for number in range(functions))
    return {
        "id": f"custom.{name}",
        "name": name,
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "wasm", "module": b64encode(component(extra=extra)).decode()},
    }


async def test_a_small_module_does_not_wait_for_the_modules_of_another_owner(tmp_path: Path) -> None:
    """While six large modules of one owner are to be compiled, another's small one is.

    Before, all of them waited in one row for one compiler: nine seconds for ten lines.
    """
    done: list[str] = []

    async def register(runtime: Runtime, owner: str, document: dict[str, Any]) -> None:
        await runtime.library.register_component(document, owner=owner)
        done.append(owner)

    large = [module(f"large{number}", 2_000 + number) for number in range(6)]
    async with open_runtime(cache_folder=tmp_path) as runtime, trio.open_nursery() as nursery:
        for document in large:
            nursery.start_soon(register, runtime, "heavy", document)
        await trio.sleep(0.1)
        with trio.fail_after(PATIENCE_SECONDS):
            await register(runtime, "light", module("small", 1))
        assert done.count("heavy") <= 2
        nursery.cancel_scope.cancel()
