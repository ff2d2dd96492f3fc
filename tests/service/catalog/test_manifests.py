"""Manifests without a catalog: what is written, and what of a published one is changed, or left as it is."""

from typing import Any

import msgspec
import pytest

from engine.builtin.catalogue import builtins
from engine.runtime import open_runtime
from proto.component import Code, ComponentDefinition, ConfigField, Port, Ports
from service.catalog.comparison import differences, is_left, may_change, patch_of
from service.catalog.manifests import CONTRACT, Wanted, manifest_of, wanted_component
from service.catalog.resource import Resource
from tests.fakes.catalog_rules import CONFIG_TYPES, problems

DEFINITION = ComponentDefinition(
    id="symbia.core.map",
    name="Map",
    version="1.0.0",
    ports=Ports((Port("in"),), (Port("out"), Port("error", lane="apocryphal"))),
    execution=Code("builtin"),
    config={
        "expression": ConfigField(type="string", required=True),
        "n": ConfigField(type="number", default=1),
        "op": ConfigField(type="string", enum=("a", "b")),
    },
)
WANTED = wanted_component(DEFINITION, "1.3.0")
MANIFEST = WANTED.body["metadata"]["manifest"]

THEIRS: dict[str, Any] = {
    "key": "symbia.core.map",
    "version": "1.5.0",
    "implementation": "builtin",
    "inputs": [{"name": "in", "schema": None}],
    "outputs": [
        {"name": "out", "lane": "inherit", "laneNote": "as it came", "receipt": "x"},
        {"name": "error", "lane": "apocryphal"},
    ],
    "config": {
        "expression": {"type": "string", "description": "their words"},
        "n": {"type": "number"},
        "op": {"type": "string", "enum": ["a", "b", "c"]},
    },
    "capability": "cap:theirs",
    "description": "Theirs",
}
"""A good manifest that somebody else has published: of a later version than ours, and with more in it."""


def published(manifest: Any, **metadata: Any) -> Resource:
    """The component as it stands in the catalog."""
    return Resource(
        id="r1",
        key=WANTED.key,
        visibility="public",
        status="published",
        metadata={"manifest": manifest, "mine": 1, **metadata},
    )


def ours(manifest: dict[str, Any], **beside: Any) -> Resource:
    """A manifest that this runtime wrote, of this version or an earlier one."""
    contract = {**WANTED.body["metadata"][CONTRACT], "manifest": manifest}
    return published({**manifest, **beside}, **{CONTRACT: contract})


async def test_every_built_in_component_has_a_complete_manifest_that_the_catalog_takes() -> None:
    """Each port and configuration key, under the bare id, of the five types that its schema knows."""
    assert builtins()
    async with open_runtime() as runtime:
        for definition in runtime.library.components():
            manifest = manifest_of(definition, "1.3.0")
            assert manifest["key"] == definition.id
            assert problems(f"components/{definition.id}", {"manifest": manifest}) == []
            assert [port["name"] for port in manifest["inputs"]] == [port.name for port in definition.ports.inputs]
            assert [port["name"] for port in manifest["outputs"]] == [p.name for p in definition.ports.outputs]
            assert set(manifest["config"]) == {key for key in definition.config if key[0] != "_"}
            assert {field["type"] for field in manifest["config"].values()} <= CONFIG_TYPES
            known = {"type", "required", "default", "enum", "description"}
            assert all(set(field) <= known for field in manifest["config"].values())
            assert all(set(port) <= {"name", "lane", "laneNote"} for port in manifest["outputs"])
            assert manifest["version"] == "1.3.0"


def _written(field: ConfigField) -> tuple[str, str]:
    manifest = manifest_of(msgspec.structs.replace(DEFINITION, config={"key": field}), "1.3.0")
    return manifest["config"]["key"]["type"], manifest["config"]["key"].get("description", "")


@pytest.mark.parametrize(
    ("field", "kind", "note"),
    [
        (ConfigField(type="boolean"), "boolean", ""),
        (ConfigField(type="integer", description="Size."), "number", "Size. (a whole number)"),
        (ConfigField(type="any", description="Any."), "string", "Any. (any JSON value)"),
        (ConfigField(type="any", default=None), "string", "any JSON value"),
        (ConfigField(type="any", default=5), "number", "any JSON value"),
        (ConfigField(type="any", default=True), "boolean", "any JSON value"),
        (ConfigField(type="any", enum=("a", "b")), "string", "any JSON value"),
        (ConfigField(type="any", enum=("a", 1)), "string", "any JSON value"),
    ],
)
def test_a_type_that_the_catalog_does_not_know_becomes_one_that_it_knows(
    field: ConfigField, kind: str, note: str
) -> None:
    """The nearest of its five, and a note of what that leaves unsaid."""
    assert _written(field) == (kind, note)


def test_a_component_without_configuration_says_so() -> None:
    """An empty block is another thing than none, which would be drift."""
    assert manifest_of(msgspec.structs.replace(DEFINITION, config={}), "1.3.0")["config"] == {}


def test_the_whole_schema_stands_beside_the_manifest() -> None:
    """With the types that the catalog does not know, and the bounds for which it has no words."""
    config = {"size": ConfigField(type="integer", minimum=1, maximum=9)}
    wanted = wanted_component(msgspec.structs.replace(DEFINITION, config=config), "1.3.0")
    contract = wanted.body["metadata"][CONTRACT]
    assert contract["config"] == {"size": {"type": "integer", "minimum": 1.0, "maximum": 9.0}}
    assert contract["manifest"] == wanted.body["metadata"]["manifest"]


# Our own


def test_what_is_as_it_should_be_is_left_alone() -> None:
    """What others add to a manifest is no drift."""
    assert patch_of(ours(MANIFEST), WANTED) is None
    assert patch_of(ours(MANIFEST, receipt=True), WANTED) is None
    outputs = [{**port, "receipt": "x"} for port in MANIFEST["outputs"]]
    assert patch_of(ours(MANIFEST, outputs=outputs), WANTED) is None


@pytest.mark.parametrize(
    "earlier",
    [
        {"version": "1.2.0"},
        {"version": "2.0.0"},
        {"key": "components/symbia.core.map"},
        {"outputs": []},
        {"outputs": [{"name": "out", "lane": "canonical"}]},
        {"config": {**MANIFEST["config"], "gone": {"type": "string"}}},
        {"config": {**MANIFEST["config"], "n": {"type": "number", "default": True}}},
    ],
)
def test_what_this_runtime_wrote_is_made_what_it_wants(earlier: dict[str, Any]) -> None:
    """An earlier manifest of its own is replaced, also by a lower version; a signature of it goes with it."""
    resource = ours({**MANIFEST, **earlier})
    resource.metadata["manifestSignature"] = {"signature": "x"}
    assert patch_of(resource, WANTED) == {"metadata": {**WANTED.body["metadata"], "mine": 1}}


def test_a_manifest_of_before_there_were_marks_is_known_by_its_key() -> None:
    """It had the key of the resource, as nobody else's has."""
    old = published({**MANIFEST, "key": WANTED.key, "config": {"expression": {"type": "string"}}})
    assert patch_of(old, WANTED) == {"metadata": {**WANTED.body["metadata"], "mine": 1}}


def test_a_manifest_that_is_hidden_is_shown_again() -> None:
    """The policy alone is changed."""
    hidden = msgspec.structs.replace(ours(MANIFEST), visibility="private")
    assert patch_of(hidden, WANTED) == {"accessPolicy": WANTED.body["accessPolicy"]}


# Somebody else's


def test_a_good_manifest_of_somebody_else_is_left_alone() -> None:
    """Its version, words, receipts and further values are better than ours, or as good."""
    assert patch_of(published(THEIRS), WANTED) is None


@pytest.mark.parametrize(
    ("theirs", "better"),
    [
        ({"version": "1.2.0"}, {"version": "1.3.0"}),
        ({"version": "1.3.0-rc.1"}, {"version": "1.3.0"}),
        ({"version": "garbage"}, {"version": "1.3.0"}),
        ({"key": "symbia.core.other"}, {}),
        ({"outputs": [{"name": "out", "lane": "inherit"}]}, {"outputs": MANIFEST["outputs"]}),
        (
            {"outputs": [{"name": "out", "lane": "canonical"}, {"name": "error", "lane": "inherit", "x": 1}]},
            {"outputs": [{"name": "out", "lane": "canonical"}, {"name": "error", "lane": "apocryphal", "x": 1}]},
        ),
        (
            {"outputs": [{"name": "theirs"}, *THEIRS["outputs"]]},
            {"outputs": [*THEIRS["outputs"], {"name": "theirs"}]},
        ),
        ({"inputs": None}, {"inputs": MANIFEST["inputs"]}),
        ({"config": None}, {"config": MANIFEST["config"]}),
        (
            {"config": {**THEIRS["config"], "n": {"type": "integer"}, "theirs": {"type": "string"}}},
            {"config": {**THEIRS["config"], "n": MANIFEST["config"]["n"], "theirs": {"type": "string"}}},
        ),
        (
            {"config": {**THEIRS["config"], "op": {"type": "string", "enum": ["a"], "description": "theirs"}}},
            {
                "config": {
                    **THEIRS["config"],
                    "op": {"type": "string", "enum": ["a", "b"], "description": "theirs"},
                }
            },
        ),
    ],
)
def test_somebody_elses_manifest_gets_what_it_lacks_and_loses_nothing(
    theirs: dict[str, Any], better: dict[str, Any]
) -> None:
    """It stays theirs: all else is as it was, and it is not marked as ours."""
    patch = patch_of(published({**THEIRS, **theirs}), WANTED)
    assert patch == {"metadata": {"manifest": {**THEIRS, **better}, "mine": 1}}
    amended = published(patch["metadata"]["manifest"])
    assert patch_of(amended, WANTED) is None
    assert problems(WANTED.key, amended.metadata) == []


def test_what_somebody_has_changed_of_ours_is_theirs() -> None:
    """A mark of ours beside another manifest than we wrote is no leave to overwrite it."""
    beside = {CONTRACT: WANTED.body["metadata"][CONTRACT]}
    assert patch_of(published(THEIRS, **beside), WANTED) is None


def test_a_signed_manifest_of_somebody_else_is_not_touched() -> None:
    """Changed, its signature would speak of another one; that it differs is told."""
    signature = {"manifestSignature": {"signature": "ed25519:x"}}
    lacking = published({**THEIRS, "version": "1.2.0"}, **signature)
    assert patch_of(lacking, WANTED) is None
    assert is_left(lacking, WANTED)
    assert not is_left(published(THEIRS, **signature), WANTED)


@pytest.mark.parametrize("nothing", [None, {}, [], "garbage"])
def test_what_says_nothing_is_no_manifest_of_anybody(nothing: Any) -> None:
    """A component without a manifest gets ours."""
    assert patch_of(published(nothing), WANTED) == {"metadata": {**WANTED.body["metadata"], "mine": 1}}


def test_differences_are_told_with_their_places() -> None:
    """For people, who read them before anything is written."""
    after = {"a": {"b": 1, "c": "x" * 80}, "e": [1]}
    assert differences({"a": {"b": True}, "e": [1]}, after) == [
        "a.b: True -> 1",
        "a.c: nothing -> '" + "x" * 56 + "...",
    ]


def test_an_entrance_of_another_graph_is_not_ours_to_change() -> None:
    """Unless it belongs to the same organisation."""
    wanted = Wanted(
        "ingress/x", {"orgId": "org-a", "metadata": {"graphKey": "graphs/x"}}, ("graphKey",), origin="graphKey"
    )
    entrance = Resource(id="r", key="ingress/x", metadata={"graphKey": "graphs/y"})
    assert not may_change(entrance, wanted)
    assert may_change(msgspec.structs.replace(entrance, org_id="org-a"), wanted)
