"""A log that nobody reads costs lines, and never the service."""

import os
from collections.abc import Iterator
from io import TextIOWrapper
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.observability.log_stream import UnblockedStream
from tests.service.serving import start_process


class Pipe(NamedTuple):
    """A pipe, with what writes to it and the descriptor that reads it."""

    stream: UnblockedStream
    reader: int

    def read(self) -> bytes:
        """All that is in it."""
        data = b""
        os.set_blocking(self.reader, False)
        while True:
            try:
                piece = os.read(self.reader, 1 << 20)
            except BlockingIOError:
                return data
            if not piece:
                return data
            data += piece


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe that nobody reads until asked to."""
    reader, writer = os.pipe()
    with TextIOWrapper(os.fdopen(writer, "wb")) as text:
        yield Pipe(UnblockedStream(text), reader)
    os.close(reader)


def test_lines_arrive_as_they_are(pipe: Pipe) -> None:
    """While somebody reads, every line arrives whole and in order, whatever is in it."""
    lines = ["one", "é" * 5_000, "\udc80"]
    for line in lines:
        pipe.stream.write(f"{line}\n")
    assert pipe.read().decode().splitlines() == ["one", "é" * 5_000, "\\udc80"]


def test_a_full_pipe_takes_no_more_and_keeps_nobody_waiting(pipe: Pipe) -> None:
    """Writes to a pipe that nobody reads return; what was left out is told once it is read again."""
    for number in range(2_000):
        pipe.stream.write(f"{number:0100}\n")
    assert pipe.stream.left_out > 0
    kept = [line for line in pipe.read().splitlines() if len(line) == 100]
    assert [int(line) for line in kept] == list(range(len(kept)))
    left_out = pipe.stream.left_out
    assert len(kept) + left_out == 2_000
    pipe.stream.write("back\n")
    told, back = pipe.read().splitlines()[-2:]
    assert told == b'{"level": "warning", "event": "log lines left out", "count": %d}' % left_out
    assert back == b"back"
    assert pipe.stream.left_out == 0


def test_a_line_that_was_torn_ends_before_the_next(pipe: Pipe) -> None:
    """Of a line that fits in part, the part stands on a line of its own."""
    pipe.stream.write("x" * 1_000_000 + "\n")
    assert set(pipe.read()) == {ord("x")}
    pipe.stream.write("next\n")
    assert pipe.read().splitlines()[0] == b""
    assert pipe.stream.left_out == 0


def test_a_reader_that_is_gone_disturbs_nobody() -> None:
    """Lines to a closed pipe are left out, and raise nothing."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as text:
        stream = UnblockedStream(text)
        os.close(reader)
        stream.write("nobody\n")
        assert stream.left_out == 1


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=50)))
def test_every_line_is_written_once(lines: list[str]) -> None:
    """Whatever is logged, a reader finds it."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as read_end:
        with os.fdopen(writer, "w") as text:
            stream = UnblockedStream(text)
            for line in lines:
                stream.write(f"{line}\n")
        assert read_end.read().decode().split("\n")[:-1] == lines


def test_a_service_whose_log_nobody_reads_goes_on_answering() -> None:
    """With standard error full for good, a thousand requests are answered all the same."""
    with start_process({"LOG_LEVEL": "info"}) as service, httpx.Client(base_url=service.url, timeout=10) as client:
        for _ in range(1_000):
            assert client.get("/api/stats").status_code == 200
