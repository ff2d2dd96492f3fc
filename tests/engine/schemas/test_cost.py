"""What a schema may cost: never less than it does, and for ordinary schemas not much more."""

import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from engine.schemas.cost import BOUNDLESS, EndlessSchemaError, measure
from engine.schemas.port_schemas import INLINE_STEPS, PortSchema
from proto.codec import encode
from proto.json_text import Weight, weigh
from tests.engine.builtin.harness import JSON_VALUES

ORDER: dict[str, Any] = {
    "$id": "https://example.org/order.json",
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{1,9}$"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"article": {"$ref": "#/$defs/article"}, "count": {"type": "integer", "minimum": 1}},
                "additionalProperties": False,
            },
        },
    },
    "$defs": {"article": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["name"]}]}},
}


def steps(schema: dict[str, Any], value: Any) -> int:
    return measure(schema).steps(weigh(encode(value)))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_an_ordinary_schema_is_cheap() -> None:
    """A hundred lines of an order are checked at once, a small order without even being weighed."""
    lines = [{"article": f"article {number}", "count": number} for number in range(1, 100)]
    schema = PortSchema(ORDER)
    assert steps(ORDER, {"id": "AB-1", "lines": lines}) < INLINE_STEPS
    assert schema.quick_bytes >= 256


def test_a_tree_is_cheap_however_deep() -> None:
    """Recursion that asks about each place once costs as much at each level."""
    tree = {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    at_levels = [measure(tree).steps(Weight(1_000, depth, 100)) for depth in (10, 100, 200)]
    assert max(at_levels) < 1_000


def test_recursion_that_branches_grows_with_the_depth() -> None:
    """It is cheap for a flat value, and boundless for a deep one."""
    tree = {"oneOf": [{"type": "integer"}, {"items": {"$ref": "#"}}, {"minItems": 1, "items": {"$ref": "#"}}]}
    assert steps(tree, nested(3)) < 1_000
    assert steps(tree, nested(12)) > INLINE_STEPS
    assert steps(tree, nested(100)) == BOUNDLESS


def test_references_are_counted_as_often_as_they_are_followed() -> None:
    """Ten levels that ask the next one twice ask the last one a thousand times."""
    twice: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(10)}
    assert 1_024 <= steps({"$defs": {**twice, "d10": {"type": "null"}}, "$ref": "#/$defs/d0"}, 1) < 20_000


def test_large_enums_and_many_properties_are_counted() -> None:
    """What a keyword lists is looked through for each place that it is asked about."""
    assert steps({"items": {"enum": list(range(1_000))}}, [1] * 100) > 100_000
    assert steps({"items": {"required": ["a"] * 1_000}}, [{}] * 100) > 100_000


@pytest.mark.parametrize("pattern", ["a" * 500, "(a?){500}", r"\w{20}", "((a{10}){10}){5}", "[ab]{20}"])
def test_patterns_are_counted_by_the_text_that_they_read(pattern: str) -> None:
    """The same pattern is cheap on a short text and not on a long one."""
    schema = {"type": "string", "pattern": pattern}
    assert steps(schema, "a" * 20) < INLINE_STEPS < steps(schema, "a" * 60_000) * 10
    assert steps(schema, "a" * 60_000) > 20 * steps(schema, "a" * 600)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"$ref": "#name"},
        {"$dynamicRef": "#name"},
        {"unevaluatedProperties": False},
        {"items": {"$id": "other", "$ref": "#"}},
        {"properties": {"a": {"$id": "other", "items": {}}}, "$ref": "#/properties/a/items"},
        {"$ref": "#/nothing/there"},
        {"$ref": "#/prefixItems/" + "1" * 5_000, "prefixItems": [{}]},
        {"$ref": "#/prefixItems/\u0660", "prefixItems": [{}]},
        {"$ref": "#/prefixItems/00", "prefixItems": [{}]},
        {"pattern": r"(\w{10}){50}"},
        {"pattern": "a{99999999}"},
        {"properties": {f"p{number}": {"pattern": "a" * 100} for number in range(30)}},
        {"format": "regex"},
        {"prefixItems": [{} for _ in range(501)]},
    ],
)
def test_what_cannot_be_reckoned_is_opaque(schema: dict[str, Any]) -> None:
    """Such a schema is never asked on the event loop."""
    cost = measure(schema)
    assert cost.is_opaque
    assert cost.steps(Weight(1, 0, 0)) == BOUNDLESS
    assert not PortSchema(schema).is_for_here(b"1")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"if": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
        {"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}},
    ],
)
def test_what_never_ends_is_refused(schema: dict[str, Any]) -> None:
    """A schema that applies itself in the same place has no answer."""
    with pytest.raises(EndlessSchemaError):
        measure(schema)


def test_names_with_slashes_are_found() -> None:
    """A reference is a JSON Pointer, with its two escapes, also into lists."""
    schema = {"$defs": {"a/b~c": [{"enum": [1] * 50}]}, "$ref": "#/$defs/a~1b~0c/0"}
    assert steps(schema, 1) > 50


def test_measuring_is_linear() -> None:
    """Four times the schema is less than eight times the work."""

    def seconds(count: int) -> float:
        schema = {"properties": {f"p{number}": {"type": "string"} for number in range(count)}}
        rounds = []
        for _ in range(20):
            began = time.thread_time()
            measure(schema).steps(Weight(1_000, 10, 100))
            rounds.append(time.thread_time() - began)
        return min(rounds)  # without what the collector of garbage takes

    seconds(100)
    assert seconds(400) < 8 * seconds(100)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), several),
            **dict.fromkeys(("not", "if", "then", "else", "items", "contains", "additionalProperties"), inner),
            **dict.fromkeys(("propertyNames",), inner),
            **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), named),
        },
    )


_LEAVES = st.booleans() | st.sampled_from(
    [{"type": "integer"}, {"enum": [1, "a", None]}, {"minLength": 1}, {"$ref": "#/$defs/x"}, {"$ref": "#"}]
)
_SCHEMAS = st.recursive(_LEAVES, _compound, max_leaves=12)


@given(_SCHEMAS, _SCHEMAS, JSON_VALUES)
def test_no_value_makes_more_work_than_reckoned(schema: Any, other: Any, value: Any) -> None:
    """However schemas are put together, the library evaluates no more keywords than the steps say."""
    whole = {**(schema if isinstance(schema, dict) else {"not": {"not": schema}}), "$defs": {"x": other}}
    try:
        cost = measure(whole)
    except EndlessSchemaError:
        reject()
    reckoned = cost.steps(weigh(encode(value)))
    evaluation = jsonschema_rs.evaluate(whole, value)
    assert len(evaluation.list()["details"]) <= reckoned
