"""What is said against a routine definition, with the platform's codes and places."""

from typing import Any

import pytest
from hypothesis import given

from engine.documents.hints import MAX_HINTS
from engine.routine.limits import DEFINITION_LIMIT_BYTES, NAME_LIMIT_CHARACTERS, ROUTINES_LIMIT, STEPS_LIMIT
from engine.routine.validation import MAX_UNKNOWN_PARAMS, is_routine, validate
from tests.engine.routine.definitions import DOCUMENTS, STEP_TYPES, definition, routine, step

GOOD = definition(routine("Main", step("say", content="Hi")))


def errors(document: Any) -> list[tuple[str, str]]:
    """Codes and paths of the errors."""
    return [(problem.code, problem.path) for problem in validate(document)[1].errors]


def warnings(document: Any) -> list[tuple[str, str]]:
    """Codes and paths of the warnings."""
    return [(problem.code, problem.path) for problem in validate(document)[1].warnings]


def test_a_good_definition_has_nothing_against_it() -> None:
    """Every step type is known, optional fields may be null, and further ones are tolerated."""
    everything = {
        **definition(
            routine(
                "Main",
                step("say", content="Hi"),
                step("remember", key="k"),
                step("recall", key="k"),
                step("wait", ms=1),
                step("check", condition="value"),
                step("call", routineName="Other"),
                step("repeat", times=2),
                step("stop"),
            ),
            routine("Other", step("say"), trigger=None, isMain=None),
        ),
        "description": "d",
        "alias": None,
        "variables": {"k": {"type": "string", "default": "x"}},
        "capabilities": ["a"],
        "llm": {"provider": "anthropic", "temperature": 0.5, "maxTokens": 10, "mystery": 1},
        "author": "somebody",
    }
    found = validate(everything)[1]
    assert (found.errors, found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], [("WRONG_TYPE", "")]),
        (
            {},
            [
                ("INVALID_VERSION", "symbia"),
                ("MISSING_NAME", "name"),
                ("MISSING_VERSION", "version"),
                ("MISSING_ASSISTANT_ID", "assistantId"),
                ("NO_ROUTINES", "routines"),
            ],
        ),
        ({**GOOD, "symbia": "1.0"}, [("INVALID_VERSION", "symbia")]),
        ({**GOOD, "routines": {}}, [("NO_ROUTINES", "routines")]),
        ({**GOOD, "name": 5}, [("WRONG_TYPE", "name")]),
        (
            definition({"steps": []}),
            [("MISSING_ROUTINE_ID", "routines[0].id"), ("MISSING_ROUTINE_NAME", "routines[0].name")],
        ),
        (definition(routine("A"), routine("A")), [("DUPLICATE_ROUTINE_NAME", "routines[1].name")]),
        ({**GOOD, "routines": [None]}, [("WRONG_TYPE", "routines[0]")]),
        (definition({"id": "a", "name": "A", "steps": {}}), [("WRONG_TYPE", "routines[0].steps")]),
        (
            definition(routine("A", {})),
            [("MISSING_STEP_ID", "routines[0].steps[0].id"), ("MISSING_STEP_TYPE", "routines[0].steps[0].type")],
        ),
        (definition(routine("A", step("dance"))), [("UNKNOWN_STEP_TYPE", "routines[0].steps[0].type")]),
        (
            definition(routine("A", {**step("say"), "type": {"say": 1}})),
            [("UNKNOWN_STEP_TYPE", "routines[0].steps[0].type")],
        ),
        (definition(routine("A", step("say"), step("say"))), [("DUPLICATE_STEP_ID", "routines[0].steps[1].id")]),
        (definition(routine("A", step("say", "exit"))), [("RESERVED_STEP_ID", "routines[0].steps[0].id")]),
        (
            definition(routine("A", step("say", _variables={}))),
            [("RESERVED_PARAM", "routines[0].steps[0].params._variables")],
        ),
        (definition(routine("A", {**step("say"), "params": []})), [("WRONG_TYPE", "routines[0].steps[0].params")]),
        (definition(routine("A"), trigger="t", llm={"temperature": "hot"}), [("WRONG_TYPE", "llm.temperature")]),
        # The form that the platform's own README shows, which its types do not know
        (
            definition(
                {"id": "a", "name": "A", "trigger": {"type": "manual"}, "steps": [{"action": "say", "params": {}}]}
            ),
            [
                ("MISSING_STEP_ID", "routines[0].steps[0].id"),
                ("MISSING_STEP_TYPE", "routines[0].steps[0].type"),
                ("WRONG_TYPE", "routines[0].trigger"),
            ],
        ),
    ],
)
def test_errors_have_their_code_and_place(document: Any, expected: list[tuple[str, str]]) -> None:
    """Everything that is wrong is told at once, where it is."""
    assert errors(document) == expected
    assert validate(document)[0] is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (definition(routine("A")), [("EMPTY_ROUTINE", "routines[0].steps")]),
        (definition({"id": "a", "name": "A"}), [("EMPTY_ROUTINE", "routines[0].steps")]),
        (
            definition(routine("A", {"id": "s", "type": "stop"})),
            [("MISSING_STEP_DESCRIPTION", "routines[0].steps[0].description")],
        ),
        (
            definition(routine("A", step("call", routineName="Z"))),
            [("UNKNOWN_CALL_TARGET", "routines[0].steps[0].params.routineName")],
        ),
        ({**GOOD, "routines": [routine("A", step("stop"))]}, [("NO_MAIN_ROUTINE", "routines")]),
        (
            definition(routine("A", step("check", conditoin="true"))),
            [
                ("UNKNOWN_PARAM", "routines[0].steps[0].params.conditoin"),
                ("NEEDS_LANGUAGE_MODEL", "routines[0].steps[0].params"),
            ],
        ),
        (
            definition(routine("Say hi", step("stop")), routine("SAY  Hi", step("stop"))),
            [("SAME_GRAPH_NAME", "routines[1].name")],
        ),
        (definition(routine("A", step("think"))), [("NEEDS_LANGUAGE_MODEL", "routines[0].steps[0].params")]),
    ],
)
def test_warnings_have_their_code_and_place(document: Any, expected: list[tuple[str, str]]) -> None:
    """What can be loaded and may not be meant so is told, and refuses nothing."""
    assert (errors(document), warnings(document)) == ([], expected)


def test_a_slip_of_the_pen_gets_a_hint() -> None:
    """A param that is like a known one is answered with that."""
    found = validate(definition(routine("A", step("check", conditoin="true"))))[1]
    assert found.warnings[0].message == "A check step does not read conditoin; did you mean condition?"


@pytest.mark.parametrize("step_type", STEP_TYPES)
def test_a_step_without_params_is_valid(step_type: str) -> None:
    """Plain words are enough for a definition, whatever can be made of them."""
    assert errors(definition(routine("A", step(step_type)))) == []


@pytest.mark.parametrize("place", ["name", "version", "assistantId", "routines[0].id", "routines[0].name"])
def test_names_are_bounded(place: str) -> None:
    """A name that no graph or node could bear is refused where it stands; one at the bound is not."""
    for length, expected in ((NAME_LIMIT_CHARACTERS, []), (NAME_LIMIT_CHARACTERS + 1, [("NAME_TOO_LONG", place)])):
        document = definition(routine("Main", step("stop")))
        holder = document["routines"][0] if place.startswith("routines") else document
        holder[place.rpartition(".")[2]] = "x" * length
        assert errors(document) == expected


def test_what_is_too_much_is_refused_without_a_look_at_it() -> None:
    """One routine or step too many, or one byte, is one problem; what is at the bound is none."""
    routines = [routine(f"R{number}") for number in range(ROUTINES_LIMIT + 1)]
    assert errors(definition(*routines)) == [("TOO_MANY_ROUTINES", "routines")]
    assert errors(definition(*routines[1:])) == []
    steps = [step("stop", f"s{number}") for number in range(STEPS_LIMIT + 1)]
    assert errors(definition(routine("A", *steps[1:]))) == []
    assert errors(definition(routine("A", *steps[1:]), routine("B", steps[0]))) == [("TOO_MANY_STEPS", "routines")]
    large = {**GOOD, "description": "x" * DEFINITION_LIMIT_BYTES}
    assert errors(large) == [("DEFINITION_TOO_LARGE", "")]


def test_many_unknown_params_are_named_up_to_a_bound() -> None:
    """A step with a thousand params is not answered with a thousand warnings."""
    params: dict[str, Any] = {f"p{number}": 0 for number in range(1000)}
    assert len(warnings(definition(routine("A", step("stop", **params))))) == MAX_UNKNOWN_PARAMS


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (GOOD, True),
        ({"symbia": "routine/1.0"}, True),
        ({"symbia": "routine/1.0", "routines": 1}, True),
        ({"symbia": "routine/1.0", "nodes": [], "edges": []}, False),
        ({**GOOD, "symbia": "1.0"}, False),
        ([], False),
    ],
)
def test_a_routine_is_told_from_a_graph(document: Any, expected: bool) -> None:
    """The version says what a document is, unless it has the nodes of a graph."""
    assert is_routine(document) is expected


@given(DOCUMENTS)
def test_any_document_is_judged(document: Any) -> None:
    """There is a definition exactly where there is no error, and every problem has words."""
    valid, found = validate(document)
    assert (valid is None) == bool(found.errors)
    assert all(problem.message and problem.code for problem in (*found.errors, *found.warnings))


def test_a_reserved_param_does_not_hide_behind_others() -> None:
    """However many unknown params stand before it, it refuses the definition."""
    hidden: dict[str, Any] = {**{f"more{number}": 1 for number in range(MAX_UNKNOWN_PARAMS)}, "_routine": "x"}
    assert errors(definition(routine("A", step("call", routineName="A2", **hidden)))) == [
        ("RESERVED_PARAM", "routines[0].steps[0].params._routine")
    ]


def test_a_name_of_any_length_is_not_compared_with_others() -> None:
    """A hint is for a slip of the pen: names of 50,000 letters cost no time, and take no hint from others."""
    long: dict[str, Any] = {f"content{number}" + "a" * 50_000: 1 for number in range(MAX_HINTS)}
    document = definition(
        routine("A", step("say", "s1", content="Hi", **long), step("say", "s2", content="Hi", contenta=1))
    )
    *_, last = validate(document)[1].warnings
    assert last.message == "A say step does not read contenta; did you mean content?"


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        (
            {**GOOD, "assitantId": "x"},
            "assitantId",
            "A routine definition has no field assitantId; did you mean assistantId?",
        ),
        (
            definition(routine("Main", step("say", content="Hi"), isMian=True)),
            "routines[0].isMian",
            "A routine has no field isMian; did you mean isMain?",
        ),
        (
            definition(routine("Main", {**step("say", content="Hi"), "parms": {}})),
            "routines[0].steps[0].parms",
            "A step has no field parms; did you mean params?",
        ),
        ({**GOOD, "x-note": 1}, None, ""),
    ],
)
def test_a_field_that_nothing_knows_is_a_warning(document: Any, path: str | None, message: str) -> None:
    """Not an error: the platform's editor may write fields of its own."""
    definition_found, found = validate(document)
    assert definition_found is not None
    told = [(each.path, each.message) for each in found.warnings if each.code == "UNKNOWN_FIELD"]
    assert told == ([] if path is None else [(path, message)])
