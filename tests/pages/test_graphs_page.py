"""docs/graphs.md describes every field of a graph, and its example loads."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.graph import (
    Edge,
    EdgeOverflow,
    EdgePolicy,
    Endpoint,
    ForEach,
    GraphDefinition,
    GraphPort,
    InboxOptions,
    Node,
    OnError,
    OnItemError,
    Overflow,
    Retry,
)
from service.documents.reading import DocumentError, decode_document

PAGE = (Path(__file__).parents[2] / "docs/graphs.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`|]+)` \| ([^|]+) \|", re.MULTILINE)

GRAPHS = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "symbia:" in block]
OF_GRAPHS_IN_GRAPHS = {"ports", "parameters", "graph"}

FIELDS: list[tuple[type[msgspec.Struct], str, str]] = [
    (GraphDefinition, "The graph", "Field"),
    (Node, "Nodes", "Field"),
    (Edge, "Edges", "Field"),
    (GraphPort, "Graphs in graphs", "Field of a port"),
    (ForEach, "Every item", "Field of `forEach`"),
    (Retry, "Errors", "Field of `retry`"),
    (InboxOptions, "Queues", "Field of `inbox`"),
    (EdgePolicy, "Policies of edges", "Field of `policy`"),
]


def table(heading: str, first: str) -> dict[str, str]:
    """Return the second column of a table by its first: the table under a heading that begins with a title."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = section.rsplit(f"\n| {first} |")[-1].split("\n\n")[0]
    return {name: value.strip() for name, value in ROW.findall(rows)}


@pytest.mark.parametrize(("struct", "heading", "first"), FIELDS)
def test_every_field_stands_on_the_page(struct: type[msgspec.Struct], heading: str, first: str) -> None:
    """A table has the fields of its struct, no more and no less, with their defaults."""
    told = table(heading, first)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    assert set(told) == set(fields)
    assert {name for name, field in fields.items() if field.required} == {
        name for name, default in told.items() if default == "required"
    }


def test_defaults_are_told_as_they_are() -> None:
    """The numbers and words of the page are those of the structs and limits."""
    limits = EngineLimits()
    retry, node = table("Errors", "Field of `retry`"), table("Nodes", "Field")
    assert retry == {"maxAttempts": str(Retry().max_attempts), "backoffMs": f"{Retry().backoff_ms:g}"}
    assert table("Queues", "Field of `inbox`") == {
        "capacity": f"{limits.inbox_messages:,}",
        "overflow": f"`{InboxOptions().overflow}`",
    }
    defaults: dict[str, Any] = {
        field.encode_name: field.default for field in msgspec.structs.fields(Node) if not field.required
    }
    assert node["concurrency"] == str(defaults["concurrency"])
    assert (node["ordered"], node["validate"]) == ("`true`", "`false`")
    assert (defaults["ordered"], defaults["validate"]) == (True, False)
    assert f"1 to {limits.inbox_messages:,}" in PAGE


def test_every_policy_stands_on_the_page() -> None:
    """What `onError` and `overflow` may be is listed, and nothing else."""
    assert tuple(table("Errors", "`onError`")) == get_args(OnError)
    assert tuple(table("Queues", "`overflow`")) == get_args(Overflow)
    assert tuple(table("Policies of edges", "`overflow` of an edge")) == get_args(EdgeOverflow)
    assert tuple(table("Every item", "`onItemError`")) == get_args(OnItemError)


async def test_the_example_loads_and_shows_every_policy() -> None:
    """The graph on the page is one, and uses each field of the page that steers an execution."""
    document = yaml.safe_load(GRAPHS[0])
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(document)
        assert loaded.definition.name == document["name"]
    used = {key for node in document["nodes"] for key in node}
    assert {"onError", "retry", "inbox", "concurrency", "ordered", "validate", "config"} <= used
    assert all(set(edge["source"]) == set(Endpoint.__struct_fields__) for edge in document["edges"])


async def test_every_graph_on_the_page_loads_and_together_they_show_every_field() -> None:
    """Whoever looks for a field finds it in use."""
    shapes = (GraphDefinition, Node, Edge, EdgePolicy, Retry, InboxOptions)
    used: dict[type[msgspec.Struct], set[str]] = {shape: set() for shape in shapes}
    async with open_runtime() as runtime:
        for block in GRAPHS:
            document: Any = decode_document(block.encode(), "yaml")
            assert await runtime.library.check_graph(document) == (), block
            used[GraphDefinition] |= set(document)
            for node in document["nodes"]:
                used[Node] |= set(node)
                used[Retry] |= set(node.get("retry", ()))
                used[InboxOptions] |= set(node.get("inbox", ()))
            used[Edge] |= {key for edge in document["edges"] for key in edge}
            used[EdgePolicy] |= {key for edge in document["edges"] for key in edge.get("policy", ())}
    for shape, keys in used.items():
        lacking = {field.encode_name for field in msgspec.structs.fields(shape)} - keys
        assert lacking <= OF_GRAPHS_IN_GRAPHS, shape


def test_what_yaml_reads_otherwise_is_as_the_page_says() -> None:
    """Each line of the table: as it is written, what comes of it, and what to write."""
    section = PAGE.split("\n## YAML and JSON\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| `([^`]+)` \|$", section, re.MULTILINE)
    assert len(rows) > 5
    for written, read, better in rows:
        key, _, _ = written.partition(":")
        assert isinstance(decode_document(better.encode(), "yaml")[key], str)
        if read.startswith("refused"):
            with pytest.raises(DocumentError):
                decode_document(written.encode(), "yaml")
        else:
            assert repr(decode_document(written.encode(), "yaml")[key]) == read.strip("`")
