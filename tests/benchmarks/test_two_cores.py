"""The experiment with two cores measures what it says, and leaves the sandbox as it was."""

import pytest

from benchmarks.experiments.two_cores import measure, threads
from wasm_host.guest.metering import MeteredStore
from wasm_host.host import open_host


@pytest.mark.parametrize("count", [0, 2])
async def test_guests_come_to_their_results_either_way(count: int) -> None:
    """Long calls end on the event loop and in threads, and afterwards all is as before."""
    before = vars(MeteredStore)["_run_in_turns"]
    async with open_host() as host:
        with threads(count):
            assert (vars(MeteredStore)["_run_in_turns"] is before) == (count == 0)
            figures = await measure(host, 2, 1_000, 0.05)
    assert figures.per_second > 0
    assert figures.processor_us > 0
    assert vars(MeteredStore)["_run_in_turns"] is before
