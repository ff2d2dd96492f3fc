"""Flows run by Node-RED itself and by us, and what their debug nodes were given is compared.

``python -m tests.interchange.beside_nodered FOLDER_OF_NODE_RED [FILE...]``: the folder is that of the benchmark's
peer (benchmarks/peers/nodered, once ``make bench`` has installed it); files are exports of Node-RED. Without files
our own flows are run, and ``--record`` writes what Node-RED gave beside them, which tests hold us to.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from service.interchange.imported import NotImportableError
from service.interchange.nodered.importing import import_flows
from tests.interchange.running import Shown, comparable, run_imported

HERE = Path(__file__).parent
OWN = HERE / "flows"


class Peer:
    """A process in which Node-RED runs."""

    def __init__(self, folder: str) -> None:
        command = ["node", str(HERE / "nodered_peer.js"), folder]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, flow: Any, steps: Any, settle_ms: float) -> Shown:
        """Return what its debug nodes were given."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"flow": flow, "steps": steps, "settleMs": settle_ms}) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return dict(reply["shown"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def steps_of(flow: Any) -> list[dict[str, Any]]:
    """Return a press of each inject node that does not repeat, in the order of the file."""
    return [
        {"node": node["id"]}
        for node in flow
        if node.get("type") == "inject" and not node.get("repeat") and not node.get("once")
    ]


def compare(peer: Peer, flow: Any, steps: list[dict[str, Any]], settle_ms: float) -> list[str]:
    """Return what is different, one line for each debug node."""
    theirs = comparable(peer.run(flow, steps, settle_ms))
    try:
        imported = import_flows(flow)
    except NotImportableError as error:
        return [f"cannot be imported: {error}"] if theirs else []
    ours, errors = trio.run(run_imported, imported, steps, settle_ms / 1000)
    ours = comparable(ours)
    kinds = {node.get("id"): node.get("type") for node in flow}
    lines = []
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key) and kinds.get(key) in ("debug", "http response"):
            lines += [key, f"  Node-RED: {_short(theirs.get(key))}", f"  we:       {_short(ours.get(key))}"]
    if lines:
        lines += [f"error: {error}" for error in errors[:5]]
        said = (note for note in imported.notes if note.fate in ("byHand", "approximated"))
        lines += [f"{note.fate} {note.place.type}: {note.message}" for note in said]
    return lines


def _short(value: Any) -> str:
    return json.dumps(value)[:600]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _record(peer: Peer, file: Path, document: dict[str, Any]) -> None:
    """Write beside a flow what Node-RED gave; and what our report says of it, for somebody to read."""
    shown = comparable(peer.run(document["flow"], document["steps"], 1_000))
    notes = [note for note in import_flows(document["flow"]).notes if note.fate != "carried"]
    report = [f"{note.fate} {note.place.id}: {note.message}" for note in notes]
    expected = {"shown": dict(sorted(shown.items())), "report": report}
    file.write_text(json.dumps({**document, "expected": expected}, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Compare; the exit status is 1 where anything is different."""
    parser = argparse.ArgumentParser()
    parser.add_argument("nodered")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--settle-ms", type=float, default=300)
    options = parser.parse_args()
    peer = Peer(options.nodered)
    different = 0
    files = options.files or sorted(OWN.glob("*.json"))
    for file in files:
        document = json.loads(file.read_bytes())
        flow, steps = (
            (document["flow"], document["steps"]) if "flow" in document else (document, steps_of(document))
        )
        if options.record:
            _record(peer, file, document)
            continue
        try:
            lines = compare(peer, flow, steps, options.settle_ms)
        except Exception as error:  # noqa: BLE001  the next flow is to be tried all the same
            lines = [f"failed: {error!r}", *(str(each) for each in getattr(error, "exceptions", ()))]
        different += bool(lines)
        _say(f"{'DIFFERENT' if lines else 'alike    '} {file}")
        for line in lines:
            _say(f"  {line}")
    peer.close()
    _say(f"{len(files) - different} alike, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
