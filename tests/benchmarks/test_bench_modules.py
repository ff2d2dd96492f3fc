"""The benchmark of modules runs."""

import pytest

from benchmarks import bench_modules


async def test_the_benchmark_prints_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A few rounds over the smallest example fill every column."""
    await bench_modules.main(10, ["total"])
    *_, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "total"
    assert [cell.split()[1] for cell in cells[1:]] == ["s", "ms", "ms", "µs", "µs"]
