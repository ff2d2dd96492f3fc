"""A refusal of a value says which ones would be taken, at every door."""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from engine.compile.draft import parse_graph
from engine.components.definition import LANGUAGES, parse_component
from engine.cooperative.slices import at_once
from engine.limits import EngineLimits
from engine.routine.validation import validate
from proto.execution import ExecutionState
from proto.shapes import choices_for
from tests.service.cli.test_run_results import PASS
from tests.service.serving import QUICK_REFERENCE, ROOT, SQUARE, open_service, run_command

LANES = '"apocryphal", "canonical"'


class Inner(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    a_word: Literal["yes", "no"] = "no"
    state: ExecutionState | None = None
    number: Literal[1, 2] = 1


class Outer(msgspec.Struct):
    items: list[Inner] = []
    by_name: dict[str, Inner | None] = {}
    pair: tuple[Inner, ...] = ()


STATES = ", ".join(f'"{state}"' for state in ExecutionState)


@pytest.mark.parametrize(
    ("value", "choices"),
    [
        ({"items": [{}, {"aWord": "maybe"}]}, '; it is one of "no", "yes"'),
        ({"pair": [{"aWord": "maybe"}]}, '; it is one of "no", "yes"'),
        ({"by_name": {"a.b]": {"aWord": "maybe"}}}, '; it is one of "no", "yes"'),
        ({"items": [{"state": "gone"}]}, f"; it is one of {STATES}"),
        ({"items": [{"number": 3}]}, "; it is one of 1, 2"),
        ({"items": [{"word": "no"}]}, "; known are aWord, state, number; did you mean aWord?"),
        ({"items": [{"quite": "no"}]}, "; known are aWord, state, number"),
        ({"items": [{"aWord": 1}]}, ""),
        ({"items": ["a"]}, "; an object has the fields aWord, state, number"),
        ({"by_name": 1}, ""),
        ({"items": 1}, ""),
    ],
)
def test_what_would_be_right_is_found_in_the_shape(value: Any, choices: str) -> None:
    """Words, states, numbers and names, wherever they lie; nothing where the message says it already."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, Outer)
    assert choices_for(caught.value, Outer) == choices


def test_a_component_in_another_language_is_told_which_ones_there_are() -> None:
    """Python is none of them, and the refusal names those that can be registered."""
    _, problems = parse_component({**SQUARE, "execution": {"type": "python", "source": "1"}}, EngineLimits())
    (problem,) = problems
    assert problem.path == "execution.type"
    assert problem.message.endswith(f"takes {', '.join(LANGUAGES)}")
    _, (other,) = parse_component({**SQUARE, "execution": {"type": ["python"], "source": "1"}}, EngineLimits())
    assert other.path == "execution.type"


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({"onError": "ignore"}, '"continue", "fail", "retry"'),
        ({"inbox": {"overflow": "drop"}}, '"block", "drop-newest", "drop-oldest", "reject"'),
        ({"inbox": {"size": 1}}, "known are capacity, overflow"),
        ({"retry": {"times": 1}}, "known are maxAttempts, backoffMs"),
    ],
)
def test_a_node_is_told_what_it_may_say(fields: dict[str, Any], choices: str) -> None:
    """Policies and names of a node's own fields."""
    node = {**QUICK_REFERENCE["nodes"][0], **fields}
    _, report = at_once(parse_graph({**QUICK_REFERENCE, "nodes": [node]}, EngineLimits()))
    assert [problem.message for problem in report.problems() if choices in problem.message]


def test_a_routine_is_told_what_its_variables_may_be() -> None:
    """Likewise types in a definition of the platform."""
    routine = json.loads((ROOT / "examples" / "greeter.json").read_text(encoding="utf-8"))
    _, found = validate({**routine, "variables": {"guest": {"type": "text"}}})
    choices = '"array", "boolean", "number", "object", "string"'
    assert [problem for problem in found.errors if choices in problem.message], found.errors


async def test_requests_are_told_what_they_may_say() -> None:
    """Options, lanes in bodies and in lines, and live commands over HTTP's own doors."""
    async with open_service() as service:
        graph = await service.load(PASS)
        reply = await service.client.post(f"/api/graphs/{graph}/execute", json={"completion": "quiet"})
        assert '"auto", "manual"' in reply.json()["error"]
        execution_id = await service.start(PASS, completion="manual")
        body = {"nodeId": "only", "port": "in", "value": 1, "lane": "left"}
        path = f"/api/executions/{execution_id}/inject"
        assert LANES in (await service.client.post(path, json=body)).json()["error"]
        lines = {"Content-Type": "application/x-ndjson"}
        reply = await service.client.post(path, content=msgspec.json.encode(body), headers=lines)
        assert LANES in reply.json()["error"]


def test_commands_are_told_what_they_may_say(tmp_path: Path) -> None:
    """A line of standard input, and a file of cases that is none."""
    graph = tmp_path / "graph.json"
    graph.write_bytes(msgspec.json.encode(PASS))
    line = msgspec.json.encode({"nodeId": "only", "port": "in", "value": 1, "lane": "left"})
    assert LANES.encode() in run_command("run", str(graph), "--stdin", stdin=line).stderr
    assert b"known are component, graph, " in run_command("test", str(graph)).stderr
