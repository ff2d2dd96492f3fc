"""docs/limits.md says what the program does."""

import re
from pathlib import Path

import msgspec

from engine.builtin import (
    io_plain,
    logic_filter_switch,
    routine_flow,
    sink_metric_log,
    source_timer,
    state_join,
    state_rollup,
    state_window,
    transform_map,
)
from engine.builtin.parts import (
    bounded_value,
    exact_arithmetic,
    fields,
    json_path,
    keyed_state,
    numbers,
    routine_message,
    routine_template,
)
from engine.compile import bindings, filling, ingress, placeholders, validation
from engine.components import definition
from engine.cooperative import encoding
from engine.documents import hints, problem_report
from engine.limits import EngineLimits
from engine.routine import limits
from engine.schemas import cost, port_schemas, tasks, validating_handler
from proto.component import ExecutionLimits
from service.settings.table import TABLE
from wasm_host.compile import bulk_instructions
from wasm_host.compile.tasks import COMPILING
from wasm_host.guest import chain_abi, chain_guest, chain_ports
from wasm_host.limits import MAX_INSTANCES, MAXIMUM_LIMITS, GuestLimits
from wasm_host.wasmtime_c import core as capi
from workers.bounds import PoolBounds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| ([\d,]+) \|(?: ([\d,]+) \|)?", PAGE, re.MULTILINE)}
ASKABLE = {field.encode_name: field.name for field in msgspec.structs.fields(ExecutionLimits)}

ROUTINE_LIMITS = {
    name: value
    for module in (limits, routine_flow, routine_message, routine_template)
    for name, value in vars(module).items()
    if re.fullmatch(r"[A-Z_]+_LIMIT(_BYTES|_CHARACTERS)?", name)
}
"""All bounds of routines, wherever they stand."""


SCHEMA_LIMITS = {
    f"{module.__name__.replace('.', '/')}.py:{name}": value
    for module in (port_schemas, cost, tasks, validating_handler)
    for name, value in vars(module).items()
    if re.match(r"(SCHEMAS|INLINE|EXPLAINED|COMPILE|MAX|JUDGE|EXPLAIN)_[A-Z_]+$", name)
}
"""All bounds of port schemas."""

_MODULES = (
    *(bounded_value, exact_arithmetic, fields, json_path, keyed_state, numbers),
    *(io_plain, logic_filter_switch, sink_metric_log, source_timer),
)
_MODULES_OF_STATE = (state_join, state_rollup, state_window, transform_map)
_MODULES_OF_DOCUMENTS = (
    *(bindings, definition, encoding, filling, hints, ingress, placeholders),
    *(problem_report, validation),
)
PLATFORM_LIMITS = {
    f"{module.__name__.replace('.', '/')}.py:{name}": value
    for module in (*_MODULES, *_MODULES_OF_STATE, *_MODULES_OF_DOCUMENTS)
    for name, value in vars(module).items()
    if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", name)
    and type(value) is int
    and f"\n{name} = " in Path(str(module.__file__)).read_text(encoding="utf-8")
    and not name.endswith(("_AT_ONCE", "QUOTED_LIMIT_BYTES"))
}
"""All bounds of the platform's components and of documents, but for how much is done in one go."""

DOCUMENT_FIELDS = re.compile(r"(graph|config|description|name|definition|source)_\w+")


def number(text: str) -> int:
    """A number as the page writes it."""
    return int(text.replace(",", ""))


def test_every_limit_that_a_component_may_ask_for_has_its_row() -> None:
    """Default and maximum are the program's, and no row is left over."""
    expected = {
        wire: (getattr(GuestLimits(), name), getattr(MAXIMUM_LIMITS, name)) for wire, name in ASKABLE.items()
    }
    found = {name: (number(row[0]), number(row[1])) for name, row in ROWS.items() if row[1]}
    assert found == expected


def test_every_limit_of_the_platform_s_components_has_its_row() -> None:
    """The rows are the constants of the code, by file and name."""
    rows = re.findall(r"^\| `([\w/]+\.py:[A-Z_]+)` \| ([\d,]+) \|", PAGE, re.MULTILINE)
    assert {name: number(text) for name, text in rows if name not in SCHEMA_LIMITS} == PLATFORM_LIMITS


def test_every_limit_of_port_schemas_has_its_row() -> None:
    """The rows are the constants of the code, by file and name."""
    rows = re.findall(r"^\| `(engine/schemas/\w+\.py:[A-Z_]+)` \| ([\d,]+) \|", PAGE, re.MULTILINE)
    assert {name: number(text) for name, text in rows} == SCHEMA_LIMITS


def test_every_limit_of_documents_has_its_row() -> None:
    """What graphs and components may hold is as the engine has it by default."""
    rows = dict(re.findall(r"^\| `limits\.(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    defaults = msgspec.structs.asdict(EngineLimits())
    expected = {name: value for name, value in defaults.items() if DOCUMENT_FIELDS.fullmatch(name)}
    assert {name: number(text) for name, text in rows.items()} == expected


def test_every_limit_of_workers_has_its_row() -> None:
    """The rows are the defaults of a pool; what is no limit of a task has none."""
    rows = dict(re.findall(r"^\| `bounds\.(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    unlisted = {"niceness", "file_bytes"}
    defaults = {
        name: value for name, value in msgspec.structs.asdict(PoolBounds()).items() if name not in unlisted
    }
    assert {name: number(text) for name, text in rows.items()} == defaults


def test_every_limit_of_the_compiler_has_its_row() -> None:
    """The rows are where its workers differ from others, and how many there are."""
    rows = dict(re.findall(r"^\| `compiling\.(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    others = msgspec.structs.asdict(PoolBounds())
    unlisted = {"niceness", "tasks_per_process"}
    bounds = {name: value for name, value in msgspec.structs.asdict(COMPILING).items() if name not in unlisted}
    differing = {name: value for name, value in bounds.items() if value != others[name] or name == "processes"}
    assert {name: number(text) for name, text in rows.items()} == differing


def test_the_page_names_the_variable_of_every_maximum() -> None:
    """Whoever reads of a maximum finds how to set it."""
    assert set(re.findall(r"`(MAX_GUEST_\w+)`", PAGE)) == {
        row.variables[0] for row in TABLE if row.path[0] == "guest"
    }


def test_every_other_limit_has_its_row() -> None:
    """What cannot be asked for is published too, stacks and instances included."""
    others = {
        field.name: getattr(GuestLimits(), field.name)
        for field in msgspec.structs.fields(GuestLimits)
        if field.name not in ASKABLE.values()
    }
    exports = (ROOT / "wasm_host/quickjs/exports.c").read_text(encoding="utf-8")
    stack = re.search(r"SHADOW_STACK_FOR_JAVASCRIPT = (\d+) \* 1024", exports)
    assert stack is not None
    others["SHADOW_STACK_FOR_JAVASCRIPT"] = int(stack[1]) * 1024
    others["MAX_INSTANCES"] = MAX_INSTANCES
    others["MOST_PROGRAMS"] = chain_ports.MOST_PROGRAMS
    others["MOST_OUTLETS"] = chain_ports.MOST_OUTLETS
    others["MOST_INVOCATIONS"] = chain_abi.MOST_INVOCATIONS
    others["MOST_PENDING"] = chain_abi.MOST_PENDING
    others["PATIENCE_MS"] = chain_guest.PATIENCE_MS
    others["MOST_MEMORY_BYTES"] = chain_guest.MOST_MEMORY_BYTES
    others["WASM_STACK_BYTES"] = capi.WASM_STACK_BYTES
    others["PIECE_BYTES"] = bulk_instructions.PIECE_BYTES
    others["sandbox_memory_bytes"] = EngineLimits().sandbox_memory_bytes
    others["owner_sandbox_memory_bytes"] = EngineLimits().owner_sandbox_memory_bytes
    others.update(ROUTINE_LIMITS)
    assert {name: number(row[0]) for name, row in ROWS.items() if not row[1]} == others


def test_no_default_is_beyond_the_maximum() -> None:
    """A component that asks for nothing gets what it could have asked for."""
    for field in msgspec.structs.fields(GuestLimits):
        assert 1 <= getattr(GuestLimits(), field.name) <= getattr(MAXIMUM_LIMITS, field.name)


def test_the_readme_publishes_the_defaults_and_leads_to_the_page() -> None:
    """Whoever looks for the limits finds them: each default in the README, the rest a link away."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|`]+\| `(\w+)` \| ([\d,]+) \|$", readme, re.MULTILINE)
    defaults = {wire: getattr(GuestLimits(), name) for wire, name in ASKABLE.items()}
    assert {name: number(value) for name, value in rows} == defaults
    assert "docs/limits.md" in readme
