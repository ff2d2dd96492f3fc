"""What is decided about the catalog, without a catalog: who sees what, what is published, what is loaded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.components.definition import parse_component
from engine.limits import EngineLimits
from proto.codec import decode, encode
from proto.component import ConfigField, Port, Ports
from service.catalog.definitions import artifact_of, document_of, execution_of, execution_of_artifact
from service.catalog.graphs import plan, published_graph, wanted_ingress
from service.catalog.manifest_policy import judge, obstacles_of, problems_of
from service.catalog.resource import Resource, component_id_of, is_visible, read_resource
from service.settings.catalog import Enforcement

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SHARED_KEYS = ("id", "key", "type", "status", "orgId", "accessPolicy", "metadata", "updatedAt", "visibility")
PART_KEYS = ("actions", "read", "anyOf", "manifest", "definition", "execution", "inputs", "outputs", "config")
KEYS = st.sampled_from((*SHARED_KEYS, *PART_KEYS, "nodes", "edges", "ingress"))
HOSTILE = st.recursive(
    JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=6) | st.lists(inner, max_size=3), max_leaves=20
)


def resource(**fields: Any) -> Resource:
    """A resource, public and published."""
    return Resource(
        **{"id": "r1", "key": "components/custom.a", "visibility": "public", "status": "published", **fields}
    )


# Resources


@given(HOSTILE)
def test_no_resource_can_break_what_reads_it(item: Any) -> None:
    """Whatever stands in the catalog, it is a resource with rules that hold, or none at all."""
    read = read_resource(item if isinstance(item, dict) else {"id": "r", "key": "k", "metadata": item})
    if read is None:
        return
    assert is_visible(read, "org-a") in {True, False}
    execution = execution_of(read) or {"type": "javascript", "source": "return {}"}
    parse_component(decode(encode(document_of(read, execution))), EngineLimits())
    graph = published_graph(read)
    wanted_ingress(graph)
    artifact_of(read.metadata)


@pytest.mark.parametrize(
    ("policy", "org_id", "seen_by"),
    [
        ({"visibility": "public"}, "org-b", {"org-a", "org-b", ""}),
        ({"visibility": "public", "actions": {"read": {"anyOf": ["public"]}}}, None, {"org-a", "org-b", ""}),
        ({"visibility": "public", "actions": {"read": {"anyOf": ["cap:x"]}}}, "org-b", {"org-b"}),
        ({"visibility": "org"}, "org-b", {"org-b"}),
        ({"visibility": "private"}, "org-b", {"org-b"}),
        ({"visibility": "private"}, None, {""}),
        ({"visibility": "everybody!"}, "org-b", {"org-b"}),
        ({}, "org-b", {"org-b"}),
        ("garbage", "org-b", {"org-b"}),
    ],
)
def test_who_sees_a_resource(policy: Any, org_id: str | None, seen_by: set[str]) -> None:
    """What is not plainly public is its organisation's alone; what is nobody's is for those who act for nobody."""
    read = read_resource({"id": "r", "key": "k", "accessPolicy": policy, "orgId": org_id})
    assert read is not None
    assert {owner for owner in ("org-a", "org-b", "") if is_visible(read, owner)} == seen_by


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"updatedAt": "2026-03-01"}, {"updatedAt": "2026-03-02"}),
        ({"updatedAt": 1_772_000_000_000}, {"updatedAt": 1_772_000_000_001}),
        ({"updatedAt": "", "currentVersion": 1}, {"updatedAt": "", "currentVersion": 2}),
        ({"metadata": {"graph": {"nodes": []}}}, {"metadata": {"graph": {"nodes": [1]}}}),
        ({"updatedAt": "", "metadata": {}}, {"updatedAt": "", "metadata": {"role": "pipeline"}}),
        ({"updatedAt": None, "orgId": "org-a"}, {"updatedAt": None, "orgId": "org-b"}),
    ],
)
def test_a_change_is_seen_however_a_catalog_tells_of_it(before: Any, after: Any) -> None:
    """By its time or version, in whatever form; by what has changed itself, where it tells neither."""
    first, same, second = (read_resource({"id": "r", "key": "k", **fields}) for fields in (before, before, after))
    assert first is not None
    assert same is not None
    assert second is not None
    assert first.revision == same.revision != second.revision


def test_a_component_is_known_by_its_key_or_its_manifests() -> None:
    """Older entries have another key than their manifest."""
    assert component_id_of(resource()) == "custom.a"
    assert component_id_of(resource(key="x", metadata={"manifest": {"key": "components/custom.b"}})) == "custom.b"
    assert component_id_of(resource(key="x")) == ""


# Definitions


def test_a_manifest_and_its_code_are_a_component() -> None:
    """Ports, configuration and version come from the manifest, without what a catalog writes for nothing."""
    manifest = {
        "version": "2.1.0",
        "inputs": [{"name": "in", "schema": None}],
        "outputs": [{"name": "out", "lane": "apocryphal", "laneNote": None}],
        "config": {"factor": {"type": "number", "default": 2, "enum": None}},
    }
    execution = {"type": "javascript", "source": "return {}"}
    document = document_of(resource(name="A", metadata={"manifest": manifest}), execution)
    definition, problems = parse_component(document, EngineLimits())
    assert problems == []
    assert definition is not None
    assert (definition.id, definition.name, definition.version) == ("custom.a", "A", "2.1.0")
    assert definition.ports == Ports((Port("in"),), (Port("out", lane="apocryphal"),))
    assert definition.config == {"factor": ConfigField(type="number", default=2)}


def test_the_code_is_where_the_convention_says() -> None:
    """The definition's before the metadata's own; neither, where it is a file or nowhere."""
    code, other = {"type": "javascript", "source": "a"}, {"type": "javascript", "source": "b"}
    assert execution_of(resource(metadata={"definition": {"execution": code}, "execution": other})) == code
    assert execution_of(resource(metadata={"execution": other})) == other
    assert execution_of(resource(metadata={"execution": "b"})) is None


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([], None),
        ([{"id": "1", "name": "readme.md"}], None),
        ([{"id": "1", "name": "a.js"}, {"id": "2", "name": "executor-x.ts"}], ("2", "typescript")),
        ({"artifacts": [{"id": "3", "filename": "dir/executor.wasm"}]}, ("3", "wasm")),
        ([{"id": "4", "name": "code", "mimeType": "application/javascript"}], ("4", "javascript")),
        ([{"name": "a.js"}, 7, None, {"id": 8, "name": "b.js"}], None),
        ("garbage", None),
    ],
)
def test_the_artifact_with_the_code_is_found(listed: Any, found: tuple[str, str] | None) -> None:
    """By its name or its type, one called executor first."""
    artifact = artifact_of(listed)
    assert (None if artifact is None else (artifact.id, artifact.language)) == found


def test_what_an_artifact_should_be_is_passed_on() -> None:
    """Its hash is compared at registration; a module travels as base64."""
    artifact = artifact_of([{"id": "1", "name": "a.wasm", "checksum": "sha256:" + "0" * 64}])
    assert artifact is not None
    execution = execution_of_artifact(artifact, "AGFzbQ==")
    assert execution == {"type": "wasm", "sha256": "0" * 64, "module": "AGFzbQ=="}


@pytest.mark.parametrize(
    ("fields", "sha256"),
    [
        ({"sha256": "A" * 64}, "A" * 64),
        ({"sha256": "sha256-" + "0" * 64, "checksum": "1" * 64}, "0" * 64),
        ({"sha256": "not one"}, "not one"),
        ({"checksum": "d41d8cd98f00b204e9800998ecf8427e", "hash": "0" * 64}, "0" * 64),
        ({"checksum": "d41d8cd98f00b204e9800998ecf8427e"}, ""),
        ({"hash": 5, "sha256": None}, ""),
    ],
)
def test_only_a_sha256_is_compared(fields: dict[str, Any], sha256: str) -> None:
    """What is called so is one, or refuses the file; a checksum of another kind refuses nothing."""
    artifact = artifact_of([{"id": "1", "name": "a.js", **fields}])
    assert artifact is not None
    assert artifact.sha256 == sha256


# The gate


@pytest.mark.parametrize(
    ("enforcement", "manifests", "refused", "is_unread", "noted"),
    [
        ("off", None, (), False, ()),
        ("off", set(), (), False, ()),
        ("strict", None, (), True, ()),
        ("strict", {"a"}, ("b",), False, ()),
        ("strict", {"a", "b"}, (), False, ()),
        ("unset", None, (), False, ("a", "b")),
        ("unset", {"a"}, ("b",), False, ()),
        ("warn", None, (), False, ("a", "b")),
        ("warn", {"a"}, (), False, ("b",)),
    ],
)
def test_the_gate(
    enforcement: Enforcement,
    manifests: set[str] | None,
    refused: tuple[str, ...],
    noted: tuple[str, ...],
    *,
    is_unread: bool,
) -> None:
    """What a graph of the components a and b meets."""
    verdict = judge(enforcement, ["a", "b"], manifests)
    assert (verdict.refused, verdict.is_unread, verdict.noted) == (refused, is_unread, noted)
    assert set(obstacles_of(verdict)) == set(refused)
    assert [problem.message.startswith("Component manifests unavailable") for problem in problems_of(verdict)] == [
        True
    ] * is_unread


# Graphs

PARTS: dict[str, Any] = {"nodes": [{"id": "a", "component": "symbia.core.passthrough"}], "edges": []}


@pytest.mark.parametrize("place", ["definition", "graph", ""])
def test_a_graph_is_found_in_each_of_its_places(place: str) -> None:
    """The definition, the graph, or the metadata themselves; what a definition must have is filled in."""
    read = published_graph(resource(key="graphs/x", name="X", metadata={place: PARTS} if place else PARTS))
    assert (read.definition["nodes"], read.definition["name"], read.definition["symbia"]) == (
        PARTS["nodes"],
        "X",
        "1.0",
    )
    assert not read.is_automatic


@pytest.mark.parametrize(
    ("outer", "inner", "is_automatic"),
    [("pipeline", None, True), (None, "service", True), ("tool", "pipeline", False), (None, None, False)],
)
def test_roles_start_graphs(outer: str | None, inner: str | None, *, is_automatic: bool) -> None:
    """The resource's role goes before the definition's, and the engine is told of it."""
    definition = {**PARTS, "metadata": {"role": inner, "kept": 1} if inner else {"kept": 1}}
    read = published_graph(resource(metadata={"definition": definition, "role": outer}))
    assert read.is_automatic == is_automatic
    assert read.definition["metadata"] == {"kept": 1} | ({"role": outer or inner} if outer or inner else {})


def test_the_plan_loads_what_is_new_or_changed_and_unloads_what_is_gone() -> None:
    """Half a list takes nothing away."""
    graphs = [published_graph(resource(id=name, revision="2")) for name in ("new", "changed", "same")]
    held = {"changed": "1", "same": "2", "gone": "1"}
    complete = plan(graphs, held, is_complete=True)
    assert ([graph.resource_id for graph in complete.load], complete.unload) == (["new", "changed"], ("gone",))
    assert plan(graphs, held, is_complete=False).unload == ()


def test_an_ingress_is_published_as_the_platform_has_it() -> None:
    """Where it lies, where it enters, and who may deliver; a name is quoted where it stands in a path."""
    definition = {**PARTS, "name": "Order margin", "metadata": {"ingress": {"node": "a", "capability": "cap:x"}}}
    graph = published_graph(
        resource(key="graphs/order-margin", org_id="org-a", metadata={"definition": definition})
    )
    wanted = wanted_ingress(graph)
    assert wanted is not None
    assert (wanted.key, wanted.body["type"], wanted.body["orgId"]) == (
        "ingress/Order margin",
        "integration",
        "org-a",
    )
    assert wanted.body["tags"] == ["runtime", "ingress", "Order margin"]
    told = wanted.body["metadata"]
    assert {name: told[name] for name in ("kind", "graph", "graphKey", "endpoint", "method", "node", "port")} == {
        "kind": "runtime.ingress",
        "graph": "Order margin",
        "graphKey": "graphs/order-margin",
        "endpoint": "/api/ingress/Order%20margin",
        "method": "POST",
        "node": "a",
        "port": "in",
    }
    assert told["capability"] == "cap:x"
    assert wanted_ingress(published_graph(resource(metadata={"definition": PARTS}))) is None


@pytest.mark.parametrize(
    ("outer", "inner", "app"),
    [("apps/shop", None, "apps/shop"), ("apps/shop", "old", "apps/shop"), (None, "old", "old"), (7, None, None)],
)
def test_an_ingress_carries_the_app_of_its_graph(outer: Any, inner: Any, app: str | None) -> None:
    """The resource's, before what the definition says."""
    definition = {**PARTS, "metadata": {"ingress": {}, "app": inner}}
    wanted = wanted_ingress(published_graph(resource(metadata={"definition": definition, "app": outer})))
    assert wanted is not None
    assert wanted.body["metadata"].get("app") == app
