"""docs/writing-components.md describes every field of a component, and its examples run."""

import re

import msgspec
import pytest
import yaml

from engine.components.config import CONFIG_TYPES
from engine.runtime import open_runtime
from engine.testing.workbench import open_workbench
from proto.component import Code, ComponentDefinition, ConfigField, ExecutionLimits, Port
from tests.service.serving import ROOT

PAGE = (ROOT / "docs" / "writing-components.md").read_text(encoding="utf-8")
COMPONENT, GRAPH = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("struct", "first"),
    [
        (ComponentDefinition, "Field"),
        (Port, "Field of a port"),
        (ConfigField, "Field of a key"),
        (Code, "Field of `execution`"),
    ],
)
def test_every_field_stands_on_the_page(struct: type[msgspec.Struct], first: str) -> None:
    """A table has the fields of its struct, no more and no less, and says which are required."""
    rows = PAGE.split(f"\n| {first} |")[1].split("\n\n")[0]
    told = re.findall(r"^\| (`[^|]+`) \| ([^|]*) \|", rows, re.MULTILINE)
    names = {name for cell, _ in told for name in re.findall(r"`(\w+)`", cell)}
    fields = msgspec.structs.fields(struct)
    assert names == {field.encode_name for field in fields}
    required = {name for cell, default in told if default == "required" for name in re.findall(r"`(\w+)`", cell)}
    assert required == {field.encode_name for field in fields if field.required}


def test_types_and_limits_are_told_as_they_are() -> None:
    """Each type of a configuration key, each limit that a component may ask for."""
    (row,) = re.findall(r"^\| `type` \| `any` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(CONFIG_TYPES)
    (row,) = re.findall(r"^\| `limits` .*: (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(ExecutionLimits.__struct_encode_fields__)


def test_the_example_shows_every_field_of_a_component() -> None:
    """But for those that stand in the place of others."""
    document = yaml.safe_load(COMPONENT)
    assert set(document) | {"source"} == set(ComponentDefinition.__struct_encode_fields__)  # it has inputs
    shown = {key for side in document["ports"].values() for port in side for key in port}
    assert shown == set(Port.__struct_encode_fields__)
    keys = {key for field in document["config"].values() for key in field}
    assert keys | {"secret", "code"} == set(ConfigField.__struct_encode_fields__)


async def test_the_example_does_what_it_says() -> None:
    """Ten per cent off above a hundred; the graph that uses it loads."""
    async with open_workbench() as workbench:
        name = await workbench.register(yaml.safe_load(COMPONENT))
        async with workbench.open(name, {"percent": 10}) as unit:
            assert (await unit.send("in", {"price": 200})).emissions == {"out": [{"price": 180}]}
            assert (await unit.send("in", {"price": 100})).emissions == {"small": [{"price": 100}]}
    async with open_runtime() as runtime:
        await runtime.library.register_component(yaml.safe_load(COMPONENT))
        verdict = await runtime.library.judge_graph(yaml.safe_load(GRAPH))
        assert (verdict.errors, verdict.warnings) == ((), ())


async def test_the_typescript_runs() -> None:
    """With its types."""
    (source,) = re.findall(r"```ts\n(.*?)```", PAGE, re.DOTALL)
    document = {
        "id": "custom.line",
        "name": "Line",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "typescript", "source": source},
    }
    async with open_workbench() as workbench, workbench.open(await workbench.register(document)) as unit:
        assert (await unit.send("in", {"sku": "a", "count": 2})).emissions == {"out": ["2 x a"]}
