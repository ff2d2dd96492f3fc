"""Flows changed at random, for what is imported must load: ``python -m tests.interchange.mutated --count 3000``.

Each change is one that a file from somewhere may have: a field gone, or of another type, a wire to anywhere, a
node twice, a subflow that contains itself.
Whatever comes, the importer refuses the file as a whole, or makes graphs that load.
"""

import argparse
import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

import trio

from engine.errors import InvalidComponentError
from engine.runtime import Runtime, open_runtime
from service.interchange.imported import Imported, NotImportableError
from service.interchange.nodered.importing import import_flows

FLOWS = [
    json.loads(path.read_bytes())["flow"] for path in sorted((Path(__file__).parent / "flows").glob("*.json"))
]

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 2**70, "", "x", "0", "NaN", "${X}", "a" * 300, "\ud83d", "]]"),
    *("}}; throw 1; {{", [], [[]], [None], {}, {"a": {}}, [{"t": 5}], [{"t": "set"}]),
    [{"t": "set", "p": 1, "pt": "flow", "tot": "jsonata"}],
    *([{"name": "A", "type": kind, "value": ""}] for kind in ("num", "bool", "json", "env", "cred")),
]
"""Values that a field may have and should not."""


def mutated(source: random.Random) -> list[Any]:
    """Return a flow with some changes; now and then it is two flows in one."""
    flow: list[Any] = copy.deepcopy(source.choice(FLOWS))
    if source.random() < 0.2:
        flow += copy.deepcopy(source.choice(FLOWS))
    for _ in range(source.randint(1, 6)):
        _change(flow, source)
    return flow


def _change(flow: list[Any], source: random.Random) -> None:
    item = source.choice(flow)
    if not isinstance(item, dict) or not item:
        return
    ids = [each.get("id") for each in flow if isinstance(each, dict)]
    match source.randint(0, 6):
        case 0:
            del item[source.choice(list(item))]
        case 1:
            item[source.choice([*item, "env"])] = copy.deepcopy(source.choice(ODD))
        case 2:
            item["wires"] = [[source.choice(ids) for _ in range(3)] for _ in range(source.randint(0, 3))]
        case 3:
            flow.insert(source.randrange(len(flow)), copy.deepcopy(source.choice([*flow, *ODD])))
        case 4:
            item["type"] = source.choice(
                [*(f"subflow:{each}" for each in ids[:3]), "link in", "catch", "mqtt in", "x"]
            )
        case 5:
            inner = item.get(source.choice(list(item)))
            if isinstance(inner, list) and inner:
                inner[source.randrange(len(inner))] = copy.deepcopy(source.choice(ODD))
        case 6:
            item["z"] = source.choice(ids)


async def _register(imported: Imported, runtime: Runtime, registered: dict[str, Any]) -> dict[str, str]:
    """Register the components that are new or changed; return those that are no programs, and why."""
    unusable = {}
    for name, component in imported.components.items():
        if registered.get(name) == component:
            continue
        if registered.pop(name, None) is not None:
            await runtime.library.unregister_component(name)
        try:
            await runtime.library.register_component(component)
            registered[name] = component
        except InvalidComponentError as error:
            unusable[name] = str(error)
    return unusable


async def complaints_of(flow: list[Any], runtime: Runtime, registered: dict[str, Any]) -> list[str]:
    """Return what is wrong with the graphs that are made of a flow; nothing where it is refused."""
    try:
        imported = import_flows(flow)
        unusable = await _register(imported, runtime, registered)
        if unusable:  # code that is no program, as the command does
            imported = import_flows(flow, (), unusable)
            unusable = await _register(imported, runtime, registered)
    except NotImportableError:
        return []
    if unusable:
        return [f"{name}: {why}" for name, why in unusable.items()]
    return [
        f"{problem.path}: {problem.message}"
        for graph in imported.graphs
        for problem in await runtime.library.check_graph(graph.document)
    ]


async def run(count: int, seed: int) -> int:
    """Try so many flows; return how many made a graph that does not load."""
    wrong = 0
    registered: dict[str, Any] = {}
    async with open_runtime() as runtime:
        for number in range(seed, seed + count):
            flow = mutated(random.Random(number))
            try:
                complaints = await complaints_of(flow, runtime, registered)
            except Exception as error:  # noqa: BLE001  a fault of the importer, whatever it is
                complaints = [repr(error)]
            if complaints:
                wrong += 1
                sys.stdout.write(f"seed {number}: {complaints[:3]}\n")
    return wrong


def main() -> int:
    """Try; the exit status is 1 where a graph does not load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return 1 if trio.run(run, options.count, options.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
