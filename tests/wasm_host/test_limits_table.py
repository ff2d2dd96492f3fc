"""The table of a guest's limits: what else names each of them, and that somebody keeps it.

Whoever adds a limit to ``wasm_host/limits.py`` runs this file: each failure names a file and what it lacks.
"""

import re
from pathlib import Path

import msgspec
import pytest

from proto.component import ExecutionLimits
from service.settings.guest import GuestSettings
from wasm_host.limits import LIMITS, MAXIMUM_LIMITS, QUICKJS_LIMITS, GuestLimits, chain_limits, most_output_bytes
from wasm_host.quickjs.build import limits_header

ROOT = Path(__file__).parents[2]
QUICKJS = ROOT / "wasm_host/quickjs"
ASKABLE = {name for name, limit in LIMITS.items() if limit.maximum is not None}


def test_the_vocabulary_has_a_field_for_each_limit_that_a_component_may_ask_for() -> None:
    """No other either: a name that no guest knows would be a promise that nobody keeps."""
    fields = {field.name for field in msgspec.structs.fields(ExecutionLimits)}
    assert not ASKABLE - fields, f"proto/component.py, ExecutionLimits: add {sorted(ASKABLE - fields)}"
    assert not fields - ASKABLE, f"wasm_host/limits.py: give {sorted(fields - ASKABLE)} a maximum"


def test_the_settings_have_a_maximum_for_each_limit_that_a_component_may_ask_for() -> None:
    """An operator can raise and lower each of them, and each begins with the table's maximum."""
    wanted = {name: getattr(MAXIMUM_LIMITS, name) for name in ASKABLE}
    found = msgspec.structs.asdict(GuestSettings())
    missing = sorted(wanted.keys() - found.keys())
    assert not missing, f"service/settings/guest.py, GuestSettings: add {missing}"
    assert found == wanted


def test_every_limit_that_a_component_may_ask_for_reaches_its_guests() -> None:
    """The service hands over what it allows under the names of the wire, none left out."""
    allowed = msgspec.structs.asdict(GuestSettings().limits())
    assert allowed == {name: getattr(MAXIMUM_LIMITS, name) for name in ASKABLE}


def test_somebody_keeps_every_limit() -> None:
    """Of a limit that no code reads, nobody would notice that it does not hold."""
    python = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "wasm_host").rglob("*.py")
        if path != ROOT / "wasm_host/limits.py"
    )
    unread = [name for name in LIMITS if not re.search(rf"limits\.{name}\b", python)]
    assert not unread, f"wasm_host: no code reads limits.{unread}"
    c = "".join(path.read_text(encoding="utf-8") for path in QUICKJS.glob("*.c"))
    unread = [name for name in QUICKJS_LIMITS if not re.search(rf"guest->limits\.{name}\b", c)]
    assert not unread, f"wasm_host/quickjs: no C file reads guest->limits.{unread}"


def test_the_guest_s_header_names_every_limit_that_it_keeps() -> None:
    """The build makes it from the table: a member of the C struct, and the key in the open document."""
    rows = re.findall(r'LIMIT\((\w+), "(\w+)"\)', limits_header())
    wire = {field.name: field.encode_name for field in msgspec.structs.fields(ExecutionLimits)}
    assert rows == [(name, wire[name]) for name, limit in LIMITS.items() if limit.in_quickjs]
    assert len(rows) == len(QUICKJS_LIMITS) > 1


@pytest.mark.parametrize("name", LIMITS)
def test_the_guest_of_a_chain_has_room_for_all_and_time_for_the_most_impatient(name: str) -> None:
    """Memory adds up, what is written is that of the largest, and nobody waits longer than allowed alone."""
    programs = [msgspec.structs.replace(GuestLimits(), **{name: value}) for value in (7, 9, 5)]
    expected = {"memory_bytes": 21, "wall_ms": 5}
    largest = {"output_bytes", "emissions", "log_bytes", "state_bytes"}
    assert getattr(chain_limits(programs), name) == expected.get(name, 9 if name in largest else 7)


def test_what_one_invocation_may_write_is_the_sum_of_what_its_limits_allow() -> None:
    """An emission's record has a head too."""
    limits = GuestLimits(output_bytes=1_000, emissions=10, log_bytes=200, state_bytes=30)
    assert most_output_bytes(limits) == 1_000 + 16 * 10 + 200 + 30
