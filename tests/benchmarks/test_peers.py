"""The engines that are measured beside this one are told the right things, and believed only what they prove."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import workloads
from benchmarks.peer import PEERS, Peer, PeerError, PeerMissingError, expected_output, open_peer
from benchmarks.workloads import Workload

SHAPES = [
    workloads.chain(3),
    workloads.chain(10, "same", workloads.document_of(1_000)),
    workloads.fan_out(4),
    workloads.fan_in(4),
    workloads.diamond(),
    workloads.wide(3),
    *(workloads.chain(3, work, workloads.document_of(200)) for work in ("read", "change", "items")),
]


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("workload", SHAPES, ids=lambda shape: f"{shape.name}, {shape.work}")
def test_a_peer_pushes_every_message_through_every_shape(name: str, workload: Workload) -> None:
    """Each peer that is installed gives the value that the graph makes, under load, alone and at a rate."""
    try:
        with open_peer(name, install=False) as peer:
            assert peer.throughput(workload, 20) > 0
            assert len(peer.closed_loop(workload, 3)) == 3
            assert len(peer.open_loop(workload, 3, 1_000)) == 3
    except PeerMissingError as missing:
        pytest.skip(str(missing))


@given(st.integers(1, 6))
def test_the_value_that_must_come_out_is_known(length: int) -> None:
    """A chain of doublings makes 21 times a power of two; whatever is handed on comes out as it was."""
    assert expected_output(workloads.chain(length)) == 21 * 2**length
    assert expected_output(workloads.chain(length, "same", b'{"a":[1]}')) == {"a": [1]}


def test_a_peer_that_answers_another_value_is_not_believed(tmp_path: Path) -> None:
    """A figure counts only where the last value is the one that the graph makes."""
    liar = tmp_path / "liar.py"
    reply = json.dumps({"seconds": 0.001, "messages": 1, "last": 42})
    liar.write_text(
        "import sys\n"
        'print(\'{"name": "Liar", "version": "1"}\', flush=True)\n'
        f"for line in sys.stdin: print({reply!r}, flush=True)\n"
    )
    with Peer.running([sys.executable, str(liar)]) as peer, pytest.raises(PeerError, match="Liar answers 42"):
        peer.throughput(workloads.chain(3), 10)


def test_a_peer_that_dies_is_told_of(tmp_path: Path) -> None:
    """A peer that ends in the middle is an error that says so, and not a figure."""
    mortal = tmp_path / "mortal.py"
    mortal.write_text('print(\'{"name": "Mortal", "version": "1"}\', flush=True)\ninput()\n')
    with Peer.running([sys.executable, str(mortal)]) as peer, pytest.raises(PeerError, match="ended"):
        peer.throughput(workloads.chain(3), 10)


@pytest.mark.parametrize("size", [10, 200, 1_000, 10_000, 100_000])
def test_a_document_has_about_the_size_that_was_asked_for(size: int) -> None:
    """Messages of a size are JSON of that size, give or take a tenth."""
    document = workloads.document_of(size)
    assert len(document) == pytest.approx(size, rel=0.1)
    json.loads(document)
