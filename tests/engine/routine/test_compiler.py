"""The graphs that routines become: the platform's shape, and what calls add to it."""

from typing import Any

from hypothesis import given

from engine.routine.calls import target_of
from engine.routine.compiler import CompiledRoutine, compile_definition
from engine.routine.limits import NODES_LIMIT
from engine.routine.validation import validate
from tests.engine.routine.definitions import DOCUMENTS, definition, routine, step


def compiled(document: Any, *, debug: bool = False) -> list[CompiledRoutine]:
    valid, found = validate(document)
    assert valid is not None, found.errors
    return compile_definition(valid, debug=debug)


def configs(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The configurations of a graph's nodes, by their ids."""
    return {node["id"]: node["config"] for node in graph["nodes"]}


def test_a_routine_becomes_a_chain() -> None:
    """Entry, steps and exit, joined from output to input, by true behind a check; names and places are fixed."""
    document = definition(
        routine(
            "Greet  The\tGuest", step("say", "hello", content="Hi"), step("check", condition="value"), step("stop")
        ),
        alias="tess",
        llm={"model": "m"},
    )
    document["routines"][0] |= {"id": "greet", "trigger": "a guest comes"}
    (made,) = compiled(document)
    assert made.graph == {
        "symbia": "1.0",
        "name": "tester/greet-the-guest",
        "version": "1.2.0",
        "description": "a guest comes",
        "nodes": [
            {
                "id": "greet-entry",
                "component": "symbia.core.passthrough",
                "config": {"routineId": "greet", "routineName": "Greet  The\tGuest", "trigger": "a guest comes"},
                "position": {"x": 0, "y": 0},
            },
            {
                "id": "greet-hello",
                "component": "symbia.routine.say",
                "config": {"description": "The say step", "content": "Hi", "llm": {"model": "m"}},
                "position": {"x": 200, "y": 100},
            },
            {
                "id": "greet-check",
                "component": "symbia.routine.check",
                "config": {"description": "The check step", "condition": "value", "llm": {"model": "m"}},
                "position": {"x": 200, "y": 200},
            },
            {
                "id": "greet-stop",
                "component": "symbia.routine.stop",
                "config": {"description": "The stop step"},
                "position": {"x": 200, "y": 300},
            },
            {
                "id": "greet-exit",
                "component": "symbia.core.passthrough",
                "config": {"routineId": "greet", "exitPoint": True},
                "position": {"x": 200, "y": 400},
            },
        ],
        "edges": [
            {
                "id": f"edge-greet-{source}-to-{edge}",
                "source": {"node": f"greet-{source}", "port": port},
                "target": {"node": f"greet-{target}", "port": "input"},
            }
            for source, port, target, edge in [
                ("entry", "output", "hello", "greet-hello"),
                ("hello", "output", "check", "greet-check"),
                ("check", "true", "stop", "greet-stop"),
                ("stop", "output", "exit", "exit"),
            ]
        ],
        "metadata": {
            "compiledFrom": "routine",
            "routineId": "greet",
            "routineName": "Greet  The\tGuest",
            "assistantId": "tester",
            "assistantAlias": "tess",
            "isMain": True,
            "trigger": "a guest comes",
            "llm": {"model": "m"},
        },
    }


def test_what_is_absent_is_not_written() -> None:
    """Without trigger, alias and model there are no such fields, and the name stands in for the trigger."""
    (made,) = compiled(definition(routine("A")))
    assert made.graph["description"] == "Routine: A"
    assert set(made.graph["metadata"]) == {"compiledFrom", "routineId", "routineName", "assistantId", "isMain"}
    assert [node["id"] for node in made.graph["nodes"]] == ["a-entry", "a-exit"]


def test_params_come_after_the_description() -> None:
    """A param of the same name wins, as on the platform."""
    (made,) = compiled(definition(routine("A", step("say", description="else", x=1))))
    assert configs(made.graph)["a-say"] == {"description": "else", "x": 1}


def test_a_step_says_which_model_it_wants() -> None:
    """A step's own wishes stand before the definition's, and only steps that a model may serve have any."""
    special = {**step("think"), "llm": {"model": "own", "temperature": None}}
    steps = [special, step("say"), step("ask"), step("check", "last"), step("wait"), step("remember", key="k")]
    (made,) = compiled(definition(routine("A", *steps), llm={"model": "general", "temperature": 0.5}))
    general = {"model": "general", "temperature": 0.5}
    assert {node: config.get("llm") for node, config in configs(made.graph).items()} == {
        "a-entry": None,
        "a-think": {"model": "own", "temperature": 0.5},
        "a-say": general,
        "a-ask": general,
        "a-last": general,
        "a-wait": None,
        "a-remember": None,
        "a-exit": None,
    }


def test_a_preview_says_where_nodes_come_from() -> None:
    """Each step's node names the step; entry and exit are of no step, and nothing is said without being asked."""
    document = definition(routine("A", step("stop", "s")))
    (made,) = compiled(document, debug=True)
    found = {node: config.get("_debug") for node, config in configs(made.graph).items()}
    assert found["a-s"] == {"stepId": "s", "stepIndex": 0, "stepType": "stop", "routineId": "a"}
    assert (found["a-entry"], found["a-exit"]) == (None, None)
    assert "_debug" not in configs(compiled(document)[0].graph)["a-s"]


def test_called_steps_stand_behind_the_call() -> None:
    """The call stays in the chain; its routine's steps follow with ids of their own, then what stood behind it."""
    document = definition(
        routine("Main", step("call", "first", routineName="Sub"), step("stop")),
        routine("Sub", step("say"), step("check", condition="1"), step("call", "deeper", routineName="Leaf")),
        routine("Leaf", step("wait")),
    )
    main, _, _ = compiled(document, debug=True)
    ids = ["entry", "first", "first.say", "first.check", "first.deeper", "first.deeper.wait", "stop", "exit"]
    assert [node["id"] for node in main.graph["nodes"]] == [f"main-{each}" for each in ids]
    assert [edge["source"]["port"] for edge in main.graph["edges"]] == ["output"] * 3 + ["true"] + ["output"] * 3
    found = configs(main.graph)
    assert (found["main-first"]["_routine"], found["main-first.deeper"]["_routine"]) == ("sub", "leaf")
    assert found["main-first.deeper.wait"]["_debug"]["routineId"] == "leaf"
    assert main.places[4:] == (
        "routines[1].steps[2]",
        "routines[2].steps[0]",
        "routines[0].steps[1]",
        "routines[0]",
    )


def test_an_unknown_call_is_left_alone() -> None:
    """Its node knows of no routine, and refuses messages at run time."""
    (made,) = compiled(definition(routine("A", step("call", routineName="Z"))))
    assert "_routine" not in configs(made.graph)["a-call"]


def test_defaults_of_variables_reach_the_steps_that_read_them() -> None:
    """Variables with a default are known to say, remember, recall and check; null is a default, too."""
    variables = {
        "a": {"type": "string", "default": "x"},
        "b": {"type": "object"},
        "c": {"type": "number", "default": None},
    }
    (made,) = compiled(definition(routine("A", step("say"), step("wait")), variables=variables))
    assert configs(made.graph)["a-say"]["_variables"] == {"a": "x", "c": None}
    assert "_variables" not in configs(made.graph)["a-wait"]


@given(DOCUMENTS)
def test_whatever_is_valid_compiles(document: Any) -> None:
    """A chain of as many nodes as there are steps, those of calls included, and never more than the bound."""
    valid, _ = validate(document)
    if valid is None:
        return
    made = compile_definition(valid)
    assert sum(len(each.places) for each in made) <= NODES_LIMIT
    for each in made:
        graph = each.graph
        calls = any(target_of(each_step) for each_step in each.routine.steps or ())
        assert len(graph["nodes"]) == len(each.places) == len(graph["edges"]) + 1
        assert calls or len(graph["nodes"]) == len(each.routine.steps or ()) + 2
