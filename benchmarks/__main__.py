"""All benchmarks: `python -m benchmarks [--only FAMILY ...] [--compare OLD.json] [--smoke]`.

Writes results/latest.json, results/latest.md and a chart for each family; README.md beside this file says what
the rows mean and how the figures are taken.
"""

import argparse
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec
import trio
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.bench import FULL, SMOKE, Bench, Scale, open_bench
from benchmarks.families import (
    bodies,
    breakpoints,
    durable,
    growth,
    http,
    latency,
    nested,
    recording,
    routing,
    sandbox,
    sockets,
    startup,
    values,
)
from benchmarks.peer import PEERS
from benchmarks.promises import verdicts
from benchmarks.report import write_report
from benchmarks.results import Result, Run, changes, load, machine, save

FAMILIES: dict[str, Callable[[Bench], AsyncIterator[Result]]] = {
    "routing": routing.measure,
    "values": values.measure,
    "latency": latency.measure,
    "sandbox": sandbox.measure,
    "http": http.measure,
    "bodies": bodies.measure,
    "sockets": sockets.measure,
    "startup": startup.measure,
    "growth": growth.measure,
    "nested": nested.measure,
    "breakpoints": breakpoints.measure,
    "recording": recording.measure,
    "durable": durable.measure,
}

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """The command line. Exits with 1 where a figure is worse than in the run that it is compared with."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=FAMILIES, metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="tell what has changed since that run")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER", help="where the files go")
    parser.add_argument("--no-peers", action="store_true", help="measure this runtime alone")
    parser.add_argument("--smoke", action="store_true", help="a second's worth: shows that it runs")
    options = parser.parse_args()
    try:
        before = load(options.compare) if options.compare else None
    except (OSError, msgspec.DecodeError) as error:
        parser.error(f"{options.compare} cannot be compared with: {error}")
    began = time.perf_counter()
    peers = () if options.no_peers else PEERS
    run = trio.run(_run, options.only or list(FAMILIES), peers, FULL if not options.smoke else SMOKE)
    changed = changes(before, run) if before else []
    save(run, options.output / "latest.json")
    path = write_report(run, changed, options.output)
    for verdict in verdicts(run):
        if verdict.found is not None and not verdict.holds:
            sys.stderr.write(f"Does not hold: {verdict.promise.what}\n")
    sys.stderr.write(f"{path}, after {time.perf_counter() - began:.0f} s\n")
    return 1 if any(change.is_worse for change in changed) else 0


async def _run(families: Sequence[str], peers: Sequence[str], scale: Scale) -> Run:
    rows: list[Result] = []
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(families))
        async with open_bench(scale, peers, lambda text: progress.update(task, description=text)) as bench:
            for family in families:
                rows.extend([row async for row in FAMILIES[family](bench)])
                progress.advance(task)
            versions = {peer.name: peer.version for peer in bench.peers}
            return Run(machine=machine() | versions, rows=tuple(rows), left_out=tuple(bench.left_out))


if __name__ == "__main__":
    sys.exit(main())
