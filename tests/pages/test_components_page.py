"""Holds docs/components.md against the definitions: a component, port or key that changes must change there."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from engine.builtin import core_debounce as debounce
from engine.builtin import core_delay as delay
from engine.builtin import core_each as each
from engine.builtin import core_gather as gather
from engine.builtin import core_group as group
from engine.builtin import core_join as join
from engine.builtin import core_logger as logger
from engine.builtin import core_merge as merge
from engine.builtin import data_json_transform as json_transform
from engine.builtin.catalogue import builtins
from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.parts.message_key import KEYS_LIMIT
from engine.contracts.component import Component
from proto.component import ComponentDefinition, ConfigField
from proto.graph import Node
from tests.engine.builtin.harness import places

TEXT = (Path(__file__).parents[2] / "docs" / "components.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))

every_component = pytest.mark.parametrize("item", builtins(), ids=lambda item: item.definition.id)


def test_every_component_has_its_section() -> None:
    """The sections are the components, in the order of the catalogue."""
    assert list(SECTIONS) == [item.definition.id for item in builtins()]


@every_component
def test_tables_say_what_the_definition_says(item: Component | ExpressionComponent) -> None:
    """The rows are the ports and the configuration keys, with types, defaults, bounds and descriptions."""
    definition = item.definition
    rows = [line for line in SECTIONS[definition.id].splitlines() if line.startswith("| `")]
    assert rows == [*_port_rows(definition), *(_key_row(key, field) for key, field in definition.config.items())]
    assert definition.description in SECTIONS[definition.id]


@every_component
async def test_examples_are_right(item: Component | ExpressionComponent) -> None:
    """The example is a node of this component whose configuration has known keys and no problems."""
    definition = item.definition
    (example,) = re.findall(r"```json\n(.*?)```", SECTIONS[definition.id], re.DOTALL)
    node = msgspec.json.decode(example, type=Node)
    assert node.component == definition.id
    assert set(node.config) <= set(definition.config)
    assert {key for key, field in definition.config.items() if field.required} <= set(node.config)
    if not isinstance(item, ExpressionComponent):
        assert await places(item, **node.config) == []


def test_limits_in_prose_are_the_real_ones() -> None:
    """Numbers that the prose names are the constants of the code."""
    mebibyte = 1024 * 1024
    assert f"Beyond {logger.LOGGED_VALUE_LIMIT_BYTES:,} bytes" in SECTIONS["symbia.core.logger"]
    held = f"{delay.HELD_LIMIT_MESSAGES:,} values and {delay.HELD_LIMIT_BYTES // mebibyte} MiB"
    assert held in SECTIONS["symbia.core.delay"]
    waiting = (
        f"{merge.WAITING_LIMIT_MESSAGES:,} values of one input and {merge.WAITING_LIMIT_BYTES // mebibyte} MiB"
    )
    assert waiting in SECTIONS["symbia.core.merge"]
    assert f"at most {each.ITEMS_LIMIT:,} items" in SECTIONS["symbia.core.each"]
    assert f"{gather.GROUPS_LIMIT:,} arrays" in SECTIONS["symbia.core.gather"]
    for page, module in (("gather", gather), ("group", group), ("join", join)):
        most = f"{module.HELD_LIMIT_MESSAGES:,} values and {module.HELD_LIMIT_BYTES // mebibyte} MiB"
        assert most in SECTIONS[f"symbia.core.{page}"]
    assert f"longer than {group.BATCH_LIMIT_BYTES // mebibyte} MiB" in SECTIONS["symbia.core.group"]
    bursts = f"{KEYS_LIMIT:,} bursts and {debounce.HELD_LIMIT_BYTES // mebibyte} MiB"
    assert bursts in SECTIONS["symbia.core.debounce"]
    assert held in SECTIONS["symbia.core.throttle"]
    assert f"{KEYS_LIMIT:,} keys" in SECTIONS["symbia.core.throttle"]
    largest = f"values up to {json_transform.VALUE_LIMIT_BYTES // mebibyte} MiB"
    assert largest in SECTIONS["symbia.data.json-transform"]


def test_one_sentence_on_a_line() -> None:
    """Prose has one sentence on a line."""
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    long = [line for line in prose.splitlines() if not line.startswith("|") and re.search(r"[.!?] [A-Z`]", line)]
    assert long == []


def _port_rows(definition: ComponentDefinition) -> list[str]:
    return [
        f"| `{port.name}` | {direction} | {port.schema['type']} | {port.description} |"
        for direction, ports in (("input", definition.ports.inputs), ("output", definition.ports.outputs))
        for port in ports
    ]


def _key_row(key: str, field: ConfigField) -> str:
    default = "" if field.default is msgspec.UNSET else f"`{json.dumps(field.default)}`"
    default = "required" if field.required else default
    allowed = ", ".join(f"`{json.dumps(value)}`" for value in field.enum)
    if field.minimum is not None:
        allowed = f"{field.minimum:.0f} to {field.maximum:.0f}"
    return f"| `{key}` | {field.type} | {default} | {allowed} | {field.description} |"
