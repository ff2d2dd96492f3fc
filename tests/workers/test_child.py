"""The process itself: it ends without anybody seeing to it."""

import signal
import subprocess
import sys

from workers import child


def started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-B", child.__file__, str(512 * 1024 * 1024), "0", "0"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def request(function: str, seconds: float) -> bytes:
    return child.REQUEST.pack(seconds, len(function), 0) + function.encode()


def test_it_ends_when_nobody_writes_any_more() -> None:
    """A service that was killed leaves no idle worker behind."""
    with started() as process:
        process.communicate(request("tests.workers.tasks:echo", 5), timeout=30)
        assert process.returncode == 0


def test_it_looks_at_the_time_itself() -> None:
    """A service that was killed leaves no busy worker behind either: what has no end is ended."""
    with started() as process:
        process.communicate(request("tests.workers.tasks:spin", 0.05), timeout=30)
        assert process.returncode == -signal.SIGALRM


def test_ctrl_c_is_not_for_workers() -> None:
    """An interrupt at the terminal reaches the whole group; a draining service still needs its workers."""
    with started() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request("tests.workers.tasks:echo", 5))
        process.stdin.flush()
        process.stdout.read(child.REPLY.size)
        process.send_signal(signal.SIGINT)
        answer, _ = process.communicate(request("tests.workers.tasks:echo", 5), timeout=30)
        assert child.REPLY.unpack(answer) == (child.DONE, False, 0)
