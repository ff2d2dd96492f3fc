"""One worker, seen from the service: a process, started for its first task, killed where one overstays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import trio

from workers import child
from workers.bounds import PoolBounds
from workers.errors import (
    TaskCrashError,
    TaskDeadlineError,
    TaskFailedError,
    TaskMemoryError,
    WorkerError,
    WorkerStartError,
)

__all__ = ["Worker"]

_READ_BYTES = 256 * 1024
_COMPLAINT_BYTES = 64 * 1024
_COMPLAINT_CHARACTERS = 500


class Worker:
    """A worker, which does one task at a time, in a process that it starts, ends and replaces.

    Args:
        bounds: of the process.
    """

    def __init__(self, bounds: PoolBounds) -> None:
        self._bounds = bounds
        self._process: trio.Process | None = None
        self._tasks = 0
        self.started = 0

    @property
    def is_warm(self) -> bool:
        """True while a process is there."""
        return self._process is not None

    async def do(self, function: str, payload: bytes, seconds: float) -> bytes:
        """Run a task to its end, whatever that is. Cancelled, the process is killed.

        Raises:
            WorkerError: but for ``PoolBusyError``, any.
        """
        process = self._process or await self._start()
        try:
            with trio.fail_after(seconds):
                status, is_last, result = await self._exchange(process, function, payload, seconds)
        except trio.TooSlowError:
            await self.end()
            raise TaskDeadlineError(seconds) from None
        except BaseException:
            await self.end()
            raise
        self._tasks += 1
        if is_last or self._tasks >= self._bounds.tasks_per_process:
            await self.end()
        if status == child.FAILED:
            raise TaskFailedError(result.decode(errors="replace"))
        return bytes(result)

    async def end(self) -> None:
        """Kill the process, if there is one; return when it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with trio.CancelScope(shield=True):  # short: nobody survives this signal
            process.kill()
            await process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    await pipe.aclose()

    async def _start(self) -> trio.Process:
        bounds = self._bounds
        arguments = [bounds.memory_bytes, bounds.file_bytes, bounds.niceness]
        command = [sys.executable, "-I", "-B", child.__file__, *map(str, arguments)]
        try:
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": os.defpath, "RUST_BACKTRACE": "0"},
                cwd=Path(child.__file__).anchor,
            )
        except OSError as problem:
            raise WorkerStartError(f"no worker process can be started: {problem}") from None
        self._process, self._tasks = process, 0
        self.started += 1
        return process

    async def _exchange(
        self, process: trio.Process, function: str, payload: bytes, seconds: float
    ) -> tuple[int, bool, bytearray]:
        assert process.stdin is not None  # noqa: S101 - opened with pipes
        name = function.encode()
        try:
            await process.stdin.send_all(child.REQUEST.pack(seconds, len(name), len(payload)) + name)
            await process.stdin.send_all(payload)
            status, is_last, length = child.REPLY.unpack(await _receive(process, child.REPLY.size))
            if length > self._bounds.reply_bytes:
                raise TaskFailedError(
                    f"its result has {length:,} bytes, and {self._bounds.reply_bytes:,} are read"
                )
            return status, is_last, await _receive(process, length)
        except (trio.BrokenResourceError, EOFError):
            raise await self._cause_of_death(process, seconds) from None

    async def _cause_of_death(self, process: trio.Process, seconds: float) -> WorkerError:
        code = await process.wait()
        said = await _last_words(process)
        if code == child.OUT_OF_MEMORY_STATUS or "memory allocation of" in said:  # Rust's words, before it aborts
            return TaskMemoryError(self._bounds.memory_bytes)
        if code < 0:
            return TaskCrashError(-code, said) if code != -signal.SIGALRM else TaskDeadlineError(seconds)
        return WorkerStartError(f"a worker ended with status {code}: {said}")


async def _receive(process: trio.Process, length: int) -> bytearray:
    assert process.stdout is not None  # noqa: S101 - opened with pipes
    received = bytearray()
    while len(received) < length:
        part = await process.stdout.receive_some(min(_READ_BYTES, length - len(received)))
        if not part:
            raise EOFError
        received += part
    return received


async def _last_words(process: trio.Process) -> str:
    """Return the end of its standard error on one line. What did not fit into the pipe held it up, and is lost."""
    assert process.stderr is not None  # noqa: S101 - opened with pipes
    said = bytearray()
    while len(said) < _COMPLAINT_BYTES and (part := await process.stderr.receive_some(_COMPLAINT_BYTES)):
        said += part
    return " ".join(said.decode(errors="replace").split())[-_COMPLAINT_CHARACTERS:]
