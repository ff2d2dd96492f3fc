"""Problems with their lines and columns, in YAML and in JSON, however the document is written."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cooperative.slices import at_once
from proto.problem import Finding, Problem
from service.documents.locating import Located, locating
from service.documents.reading import Format

YAML = b"""\
# of a graph
name: g\xc3\xa9
nodes:
  - id: a
    config: {expression: "value * 2", "a.b": true}
  - id: b
    onErorr: fail
    config:
      expression: |

        value.
          a +
      other: 'it''s'
edges: []
"""
JSON = b"""{
  "name": "g",
  "nodes": [
    {"id": "a", "config": {"expression": "value\\n  .a +", "a.b": true}},
    {"id": "b", "onErorr": "fail"}
  ]
}"""


def located(text: bytes, form: Format, *problems: Problem) -> Located:
    return at_once(locating(text, form, problems))


def place(text: bytes, form: Format, path: str, code: str = "x.wrong", message: str = "m") -> tuple[Any, Any]:
    (found,) = located(text, form, Problem(code, path, message)).findings
    return found.line, found.column


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", (2, 1)),
        ("name", (2, 7)),
        ("nodes", (3, 1)),
        ("nodes[0]", (4, 5)),
        ("nodes[0].id", (4, 9)),
        ("nodes[0].config.expression", (5, 26)),
        ("nodes[0].config.a.b", (5, 46)),
        ("nodes[1].config", (8, 5)),
        ("nodes[1].component", (6, 5)),
        ("nodes[1].config.nothing.there", (8, 5)),
        ("nodes[7].id", (3, 1)),
        ("edges", (14, 1)),
        ("metadata.ingress.port", (2, 1)),
    ],
)
def test_a_place_in_yaml(path: str, expected: tuple[int, int]) -> None:
    """Of a value, of its key where it is a list or an object, of what should have it where it is not there."""
    assert place(YAML, "yaml", path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", (1, 1)),
        ("name", (2, 11)),
        ("nodes[0].config.a.b", (4, 66)),
        ("nodes[1].component", (5, 5)),
    ],
)
def test_a_place_in_json(path: str, expected: tuple[int, int]) -> None:
    """Of the same things."""
    assert place(JSON, "json", path) == expected


def test_a_problem_of_a_key_is_at_the_key() -> None:
    """And not at its value."""
    assert place(YAML, "yaml", "nodes[1].onErorr", "node.unknown_field") == (7, 5)
    assert place(JSON, "json", "nodes[1].onErorr", "node.unknown_field") == (5, 17)


@pytest.mark.parametrize(
    ("text", "form", "told", "expected"),
    [
        (YAML, "yaml", "line 3, column 3", (12, 11)),
        (YAML, "yaml", "line 2, column 1", (11, 9)),
        (YAML, "yaml", "line 4, column 1", (12, 14)),
        (JSON, "json", "line 2, column 6", (4, 55)),
        (JSON, "json", "line 1, column 2", (4, 44)),
        (b"nodes: [{}, {config: {expression: 'a''b +'}}]", "yaml", "line 1, column 5", (1, 41)),
        (b"nodes: [{}, {config: {expression: a +}}]", "yaml", "line 1, column 3", (1, 37)),
        (b'nodes: [{}, {config: {expression: "\\u0061\\n+"}}]', "yaml", "line 2, column 1", (1, 44)),
        (b"nodes:\n- {}\n- config:\n    expression: |2\n        a\n      +\n", "yaml", "line 2, column 1", (6, 7)),
        (
            b"nodes:\n- {}\n- config.expression: |2\n      a\n     +\n",
            "yaml",
            "line 2, column 1",
            (5, 5),
        ),
        (b"nodes:\n- {}\n- config:\n    expression: >\n      a\n      +\n", "yaml", "line 1, column 3", (4, 17)),
        (b"nodes:\n- {}\n- config:\n    expression: a\n      +\n", "yaml", "line 1, column 3", (4, 17)),
    ],
)
def test_a_place_in_a_program_is_one_in_the_document(
    text: bytes, form: Format, told: str, expected: tuple[int, int]
) -> None:
    """However it is written; where that cannot be told it is the beginning of the text."""
    path = f"nodes[{0 if form == 'json' else 1}].config.expression"
    (found,) = located(text, form, Problem("program.invalid", path, f"SyntaxError: no ({told})")).findings
    assert (found.line, found.column) == expected
    assert found.message.startswith("SyntaxError: no")
    assert told not in found.message


def test_a_field_that_an_object_cannot_have_is_at_its_key() -> None:
    """The path of the problem is that of the object, as the decoder says it, and stays so."""
    problem = Problem("x.wrong_shape", "nodes[1]", "Object contains unknown field `onErorr`; known are onError")
    (found,) = located(YAML, "yaml", problem).findings
    assert (found.path, found.line, found.column) == ("nodes[1]", 7, 5)
    (found,) = located(JSON, "json", msgspec.structs.replace(problem, path="nodes[1]")).findings
    assert (found.line, found.column) == (5, 17)


def test_what_should_be_text_is_to_be_put_in_quotes() -> None:
    """Where YAML, or JSON, has a number or a truth value."""
    problem = Problem("graph.wrong_type", "version", "Graph version must be text")
    for text, form in ((b"version: 1.0", "yaml"), (b'{"version": 1.0}', "json")):
        (found,) = located(text, form, problem).findings  # type: ignore[arg-type]
        assert found.message == 'Graph version must be text; write it in quotes: "1.0"'
    port = Problem("edge.wrong_type", "edges[0].source.port", "Expected `str`, got `bool`")
    (found,) = located(b"edges:\n- source: {node: a, port: true}", "yaml", port).findings
    assert found.message.endswith('write it in quotes: "true"')
    assert (found.line, found.column) == (2, 27)


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        (b"x: yes", "Expected `bool`, got `str`", "write true: yes is a text"),
        (b"x: 'Off'", "Config key x must be of type boolean", "write false: 'Off' is a text"),
        (b"x: '4'", "Expected `int`, got `str`", "leave the quotes away: 4"),
        (b'x: "-1.5"', "Config key x must be of type number", "leave the quotes away: -1.5"),
        (b"x: four", "Expected `int`, got `str`", ""),
        (b"x: maybe", "Expected `bool`, got `str`", ""),
    ],
)
def test_what_is_text_and_should_not_be_has_its_advice(text: bytes, message: str, advice: str) -> None:
    """YAML 1.2 reads yes as a text, and quotes make a text of everything."""
    (found,) = located(text, "yaml", Problem("node.wrong_type", "x", message)).findings
    assert found.message == message + (advice and f"; {advice}")


def test_a_key_of_json_that_comes_twice_is_told() -> None:
    """The last one counts for whoever reads it, and the first one is forgotten."""
    text = b'{"a": {"x": 1}, "b": [{"x": 1}],\n "\\u0061": 2}'
    assert located(text, "json").repeated == (
        Finding(
            "document.repeated_key",
            "",
            "The key a comes twice in one object, and the last one counts; leave one away",
            2,
            2,
        ),
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [leaf for index, each in enumerate(value) for leaf in leaves(each, f"{path}[{index}]")]
    return [(path, value)]


@given(value=VALUES, indent=st.sampled_from([None, 1, 3]), is_ascii=st.booleans())
def test_each_value_is_where_it_is_said_to_be(value: Any, indent: int | None, is_ascii: bool) -> None:
    """In JSON of any form, what stands at a place is the value whose place it is."""
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    for path, leaf in leaves(value, ""):
        if list(dict(leaves(value, ""))).count(path) != 1 or len(dict(leaves(value, ""))) != len(
            leaves(value, "")
        ):
            return  # two values have one path, such as a.b and b in a
        line, column = place(text.encode(), "json", path)
        at = text.split("\n")[line - 1][column - 1 :]
        assert json.JSONDecoder().raw_decode(at)[0] == leaf


@given(text=st.binary(max_size=200), form=st.sampled_from(["json", "yaml"]))
def test_no_text_breaks_it(text: bytes, form: Format) -> None:
    """Whatever cannot be read has no places, and raises nothing."""
    problems = (Problem("a", "a.b[1]", "m"), Problem("b", "", "m"))
    assert len(located(text, form, *problems).findings) == len(problems)
