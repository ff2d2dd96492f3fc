"""Eleven flows of Node-RED, of different kinds: each imports with the right report, and does what it did there.

What Node-RED itself gave stands in the files: ``python -m tests.interchange.beside_nodered`` runs it anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from engine.wall_clock import WallClock
from service.interchange.nodered.importing import import_flows
from tests.interchange.running import comparable, run_imported

FLOWS = {
    path.stem: json.loads(path.read_bytes()) for path in sorted((Path(__file__).parent / "flows").glob("*.json"))
}


def test_there_are_eleven_flows() -> None:
    """None of them is lost unnoticed."""
    assert len(FLOWS) >= 11


@pytest.mark.parametrize("name", FLOWS)
def test_the_report_says_what_was_not_carried_over(name: str) -> None:
    """Each thing that is different, and its place; and every node of the file is spoken of."""
    notes = import_flows(FLOWS[name]["flow"]).notes
    said = [f"{note.fate} {note.place.id}: {note.message}" for note in notes if note.fate != "carried"]
    assert said == FLOWS[name]["expected"]["report"]
    spoken_of = {note.place.id for note in notes}
    plain = ("tab", "subflow", "junction", "link in", "link out")
    assert spoken_of >= {node["id"] for node in FLOWS[name]["flow"] if node["type"] not in plain}


@pytest.mark.parametrize("name", FLOWS)
async def test_the_flow_does_what_it_did(name: str, autojump_clock: trio.testing.MockClock) -> None:
    """Its debug nodes, and those that answer requests, are given what Node-RED gave them."""
    clock = WallClock(lambda: 1_800_000_000 + autojump_clock.current_time())  # guests see it, too
    flow: Any = FLOWS[name]
    shown, _ = await run_imported(import_flows(flow["flow"]), flow["steps"], clock=clock)
    kinds = {node["id"]: node["type"] for node in flow["flow"]}
    seen = {key: each for key, each in shown.items() if kinds.get(key) in ("debug", "http response")}
    assert comparable(seen) == flow["expected"]["shown"]
