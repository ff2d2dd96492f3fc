"""The remedy for placeholders in programs, where nothing is filled in."""

import pytest

from engine.runtime import open_runtime


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        ("value * ${param.rate}", "Unexpected token '{'; ${param.rate} is not filled in here: write param.rate"),
        (
            "value + ${env.X}",
            "here: write param.x, of a parameter whose default it is",
        ),
        ("value + ${secret.x}", "; ${secret.x} is not filled in here: no program sees a secret"),
        ("value + ${x}", "Unexpected token '{'"),
    ],
)
async def test_a_placeholder_in_a_program_is_told_with_what_to_write(expression: str, remedy: str) -> None:
    """It is no JavaScript, which says only that a brace is not expected."""
    node = {"id": "a", "component": "symbia.core.map", "config": {"expression": expression}}
    parameters = {"rate": {"default": 1}}
    graph = {"symbia": "1.0", "name": "g", "nodes": [node], "edges": [], "parameters": parameters}
    async with open_runtime() as runtime:
        (error,) = (await runtime.library.judge_graph(graph)).errors
    assert remedy in error.message
    assert error.message.partition(" (line")[0].endswith(remedy)
