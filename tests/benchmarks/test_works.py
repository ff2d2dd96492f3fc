"""This runtime is told the same work as its peers, and its figures count only where it was done."""

import pytest

from benchmarks.bench import SMOKE, Bench
from benchmarks.own import Own
from benchmarks.peer import expected_output
from benchmarks.workloads import Workload, chain, document_of
from benchmarks.works import WORKS, WorkName
from engine.runtime import open_runtime


@pytest.mark.parametrize("work", WORKS)
async def test_a_node_makes_of_a_value_what_the_work_says(work: WorkName) -> None:
    """The JavaScript and the Python of each work agree, after three nodes, to the last digit."""
    workload = chain(3, work, b"21" if work == "double" else document_of(1_000))
    async with open_runtime() as runtime:
        assert await Own(runtime).output(workload) == expected_output(workload)


async def test_a_runtime_that_answers_another_value_is_not_believed() -> None:
    """A node that hands on where it should have doubled makes no figure."""

    class Idle(Workload, frozen=True):
        def document(self, component: str = "") -> dict[str, object]:
            del component
            return chain(3, "same").document()

    doubled = chain(3)
    idle = Idle(*(getattr(doubled, name) for name in doubled.__struct_fields__))
    async with open_runtime() as runtime:
        bench = Bench(runtime, (), SMOKE, lambda _: None)
        with pytest.raises(RuntimeError, match="JavaScript answers 21, and not 168"):
            await bench.throughput("values", idle, "idle", forwarding=False)
