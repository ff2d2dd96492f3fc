"""Values as people send them: three nodes that hand on, look, change or map, with messages of 10 B to 100 kB."""

from collections.abc import AsyncIterator

from benchmarks.bench import Bench
from benchmarks.results import Result
from benchmarks.workloads import chain, document_of
from benchmarks.works import WORKS, WorkName

SIZES = {"200 B": 200, "1 kB": 1_000, "10 kB": 10_000, "100 kB": 100_000}
SMALLEST = {"10 B": 10}
LOOKING: tuple[WorkName, ...] = ("read", "change", "items")
NODES = 3


def name_of(work: WorkName, size: str) -> str:
    """Return the workload of a row, as tables and promises look it up."""
    return f"chain of {NODES}, messages of {size}, {WORKS[work].label}"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family: what is handed on through pass-through nodes, too."""
    rows: list[tuple[WorkName, dict[str, int]]] = [("same", SMALLEST | SIZES)]
    rows += [(work, SIZES) for work in LOOKING]
    for work, sizes in rows:
        for size in bench.few(list(sizes)):
            workload = chain(NODES, work, document_of(sizes[size]))
            for row in await bench.throughput("values", workload, name_of(work, size), forwarding=work == "same"):
                yield row
