"""docs/graphs.md describes every field of a graph, and its example loads."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.graph import Edge, Endpoint, GraphDefinition, GraphPort, InboxOptions, Node, OnError, Overflow, Retry

PAGE = (Path(__file__).parents[2] / "docs/graphs.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`|]+)` \| ([^|]+) \|", re.MULTILINE)

FIELDS: list[tuple[type[msgspec.Struct], str, str]] = [
    (GraphDefinition, "The graph", "Field"),
    (Node, "Nodes", "Field"),
    (Edge, "Edges", "Field"),
    (GraphPort, "Graphs in graphs", "Field of a port"),
    (Retry, "Errors", "Field of `retry`"),
    (InboxOptions, "Queues", "Field of `inbox`"),
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


async def test_the_example_loads_and_shows_every_policy() -> None:
    """The graph on the page is one, and uses each field of the page that steers an execution."""
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = yaml.safe_load(block)
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(document)
        assert loaded.definition.name == document["name"]
    used = {key for node in document["nodes"] for key in node}
    assert {"onError", "retry", "inbox", "concurrency", "ordered", "validate", "config"} <= used
    assert all(set(edge["source"]) == set(Endpoint.__struct_fields__) for edge in document["edges"])
