"""Components that are registered as WebAssembly, through the runtime's only door."""

import base64
import hashlib
from typing import Any

import pytest
import wasmtime

from engine.errors import InvalidComponentError
from engine.runtime import open_runtime
from proto.message import Injection
from tests.engine.executions import Tap, document
from tests.engine.test_runtime import message
from tests.wasm_host.component_model.components import component
from tests.wasm_host.sandboxes import module_text
from wasm_host.limits import MAXIMUM_LIMITS


def _document(content: bytes, **execution: Any) -> dict[str, Any]:
    return {
        "id": "custom.wasm",
        "name": "Custom",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "wasm", "module": base64.b64encode(content).decode(), **execution},
    }


async def _outputs(content: bytes, *inputs: Injection) -> tuple[list[tuple[str, str, bytes]], str]:
    tap = Tap()
    async with open_runtime() as runtime:
        await runtime.library.register_component(_document(content))
        graph = await runtime.library.load_graph(document({"a": "custom.wasm"}))
        started = await runtime.execute(graph.id)
        with runtime.execution(started.id).watch(tap):
            await runtime.execution(started.id).inject(list(inputs), final=True)
            snapshot = await runtime.execution(started.id).wait_finished()
    return tap.outputs, snapshot.state


async def test_a_component_runs_in_a_graph() -> None:
    """A registered component gets the graph's messages, and what it emits leaves by its port."""
    outputs, state = await _outputs(component(), message("a:in", 12), message("a:in", {"b": 1}))
    assert outputs == [("a", "out", b"12"), ("a", "out", b'{"b":1}')]
    assert state == "completed"


async def test_a_plain_module_runs_in_a_graph() -> None:
    """A module with the guest ABI runs too, and may do nothing."""
    outputs, state = await _outputs(bytes(wasmtime.wat2wasm(module_text())), message("a:in", 12))
    assert outputs == []
    assert state == "completed"


async def test_a_fetched_module_runs_and_is_pinned() -> None:
    """A component of type wasm may name a sourceUrl: fetched once, within the bound of modules, and pinned."""
    content = component()
    asked: list[tuple[str, int]] = []

    async def fetch(url: str, limit_bytes: int) -> bytes:
        asked.append((url, limit_bytes))
        return content

    definition = _document(b"", module="", sourceUrl="https://code.example/a.wasm")
    async with open_runtime(fetch_source=fetch) as runtime:
        registered = await runtime.library.register_component(definition)
        graph = await runtime.library.load_graph(document({"a": "custom.wasm"}))
        started = await runtime.execute(graph.id)
        await runtime.execution(started.id).inject([message("a:in", 12)], final=True)
        assert (await runtime.execution(started.id).wait_finished()).state == "completed"
    assert asked == [("https://code.example/a.wasm", MAXIMUM_LIMITS.module_bytes)]
    assert registered.execution.source_hash == hashlib.sha256(content).hexdigest()
    assert registered.execution.source_url == "https://code.example/a.wasm"


async def test_a_fetched_module_of_another_hash_is_refused() -> None:
    """What a sourceUrl gives must be what the author expects, if they say so; the problem names the hash."""

    async def fetch(url: str, limit_bytes: int) -> bytes:
        del url, limit_bytes
        return component()

    definition = _document(b"", module="", sourceUrl="https://code.example/a.wasm", sha256="0" * 64)
    async with open_runtime(fetch_source=fetch) as runtime:
        with pytest.raises(InvalidComponentError) as refused:
            await runtime.library.register_component(definition)
        assert [problem.code for problem in refused.value.problems] == ["component.source_hash_mismatch"]
        assert {each.execution.type for each in runtime.library.components()} == {"builtin"}


async def test_a_trap_fails_the_execution() -> None:
    """What breaks in a component goes the way of all errors."""
    _, state = await _outputs(component(process="unreachable"), message("a:in", 12))
    assert state == "failed"


async def test_the_definition_keeps_the_hash_and_not_the_module() -> None:
    """A module is megabytes that nobody reads; its SHA-256 says which one it was."""
    content = component()
    async with open_runtime() as runtime:
        await runtime.library.register_component(
            _document(content, sha256=hashlib.sha256(content).hexdigest().upper())
        )
        execution = runtime.library.component("custom.wasm").execution
    assert execution.module == ""
    assert execution.source_hash == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("execution", "code", "path"),
    [
        ({"module": ""}, "component.missing_source", "execution.module"),
        ({"module": "AGFzbQ"}, "component.invalid_base64", "execution.module"),
        ({"module": "!!!!"}, "component.invalid_base64", "execution.module"),
        ({"source": "return {}"}, "component.two_sources", "execution.source"),
        ({"sourceUrl": "https://example.com/a.wasm"}, "component.two_sources", "execution.source"),
        ({"sha256": "abc"}, "component.invalid_sha256", "execution.sha256"),
        ({"sha256": "0" * 64}, "component.source_hash_mismatch", "execution.sha256"),
        ({"type": "javascript"}, "component.unexpected_module", "execution.module"),
        ({"module": "AGFzbQEAAAA="}, "program.invalid", "execution.module"),
        ({"module": base64.b64encode(b"#!/bin/sh").decode()}, "program.invalid", "execution.module"),
        (
            {"limits": {"memoryBytes": 1 << 40}},
            "component.limit_too_high",
            "execution.limits.memoryBytes",
        ),
    ],
)
async def test_a_wrong_module_is_refused(execution: dict[str, Any], code: str, path: str) -> None:
    """Each thing that can be wrong has a code and a place, and nothing is stored."""
    async with open_runtime() as runtime:
        with pytest.raises(InvalidComponentError) as refused:
            await runtime.library.register_component(_document(component(), **execution))
        assert (code, path) in [(problem.code, problem.path) for problem in refused.value.problems]
        assert "custom.wasm" not in [each.id for each in runtime.library.components()]


async def test_a_spinning_start_function_is_refused_at_registration() -> None:
    """What cannot be instantiated is not registered."""
    content = component(extra="(func $begin (loop $l (br $l))) (start $begin)")
    async with open_runtime() as runtime:
        with pytest.raises(InvalidComponentError, match="CpuLimitExceeded"):
            await runtime.library.register_component(_document(content, limits={"cpuMs": 30}))
