"""docs/parameters.md: its example runs and logs what the page says, and its refusals are those that come."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from engine.contracts.surroundings import SameForAll, Surroundings
from engine.errors import InvalidGraphError, InvalidParametersError
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from service.vault.secrets_file import EVERYONE, read_secrets

PAGE = (Path(__file__).parents[2] / "docs/parameters.md").read_text(encoding="utf-8")
YAML_BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PROBLEMS = [json.loads(block) for block in re.findall(r'```json\n(\{"code".*?)\n```', PAGE)]
AROUND = Surroundings(secrets={"shop.key": "the-key-of-acme"})


def example() -> dict[str, Any]:
    """The graph of the page."""
    graph: dict[str, Any] = yaml.safe_load(YAML_BLOCKS[0])
    return graph


async def test_the_example_logs_what_the_page_says() -> None:
    """The graph with the parameter and the message of its command line."""
    (said,) = re.findall(r"--inject priced:in=100` logs `([^`]*)`", PAGE)
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(example())
        inputs = (Injection("priced", "in", msgspec.Raw(b"100")),)
        options = ExecuteOptions(inputs=inputs, parameters={"currency": msgspec.Raw(b'"eur"')})
        started = await runtime.execute(graph.id, options)
        await runtime.execution(started.id).wait_finished()
        (line,) = runtime.execution(started.id).logs()
    assert line.message == said


async def test_the_refusals_of_the_page_are_those_that_come() -> None:
    """A missing parameter refuses the execution, a misspelt one the graph."""
    wrong = example()
    wrong["nodes"][1]["config"]["message"] = "${param.curency}"
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(example())
        with pytest.raises(InvalidParametersError) as missing:
            await runtime.execute(graph.id)
        with pytest.raises(InvalidGraphError) as misspelt:
            await runtime.library.load_graph(wrong)
    found = [msgspec.to_builtins(problem) for each in (missing, misspelt) for problem in each.value.problems]
    assert found == PROBLEMS


async def test_the_other_examples_are_taken() -> None:
    """The file of secrets is read as the page says, and the node takes its secret."""
    secrets, node = YAML_BLOCKS[1:]
    read = read_secrets(secrets.encode(), ".yaml")
    assert read == {EVERYONE: {"maps.key": "a-key-that-all-may-use"}, "acme": {"shop.key": "the-key-of-acme"}}
    graph = {"symbia": "1.0", "name": "g", "nodes": [yaml.safe_load(node)], "edges": []}
    async with open_runtime(vault=SameForAll(AROUND)) as runtime:
        assert await runtime.library.check_graph(graph) == ()
