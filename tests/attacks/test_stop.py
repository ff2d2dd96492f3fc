"""The end of a service that is held: SIGTERM ends it within its deadline, whatever its event loop is doing."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.server import CLOSING_SECONDS
from service.watchdog.process import Patience
from service.watchdog.watchdog import MARGIN_SECONDS, RENEW_SECONDS
from tests.service.serving import ROOT, clean_environment, log_lines

AGAIN_SECONDS = CLOSING_SECONDS + MARGIN_SECONDS
FIRST_SECONDS = 1 + 4 * CLOSING_SECONDS + MARGIN_SECONDS
"""With DRAIN_SECONDS=1, as everywhere here."""

SLACK_SECONDS = 4
"""For a machine that is busy with other tests."""

Service = subprocess.Popen[str]


@contextmanager
def held(moment: str, *before: str, environment: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service whose loop is held at some moment, as a program of its own."""
    settings = {"PORT": "0", "DRAIN_SECONDS": "1", "LOG_FORMAT": "json", **(environment or {})}
    command = [*before, sys.executable, "-m", "tests.attacks.held_service", moment]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=clean_environment(settings),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: Service, word: str) -> None:
    """Read what a service prints until a line begins with a word."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return
    raise AssertionError(process.communicate()[1])


def end_of(process: Service) -> tuple[int, float, list[str]]:
    """Wait for the end: the exit status, how long that took, and the events in the log."""
    began = time.monotonic()
    _, log = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - began, [line["event"] for line in log_lines(log)]


def children(process_id: int) -> list[int]:
    """The processes that a process has started, and has not yet buried."""
    lists = Path(f"/proc/{process_id}/task").glob("*/children")
    return [int(text) for path in lists for text in path.read_text(encoding="ascii").split()]


def watchdogs(process: Service) -> list[int]:
    """The watchdogs of a service."""
    commands = {each: Path(f"/proc/{each}/cmdline") for each in children(process.pid)}
    return [each for each, path in commands.items() if b"watchdog/process.py" in path.read_bytes()]


def the_watchdog(process: Service) -> int:
    """The one watchdog of a service; between its fork and its exec a child still looks like its parent."""
    until = time.monotonic() + 5
    while not (found := watchdogs(process)):
        assert time.monotonic() < until, "there is no watchdog"
        time.sleep(0.01)
    (watchdog,) = found
    return watchdog


def is_alive(process_id: int) -> bool:
    """Whether there is a process of this number that is not a zombie."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def wait_until_gone(process_id: int) -> None:
    """Wait for the end of a process that is not ours."""
    until = time.monotonic() + 5
    while is_alive(process_id):
        assert time.monotonic() < until, "the process stays"
        time.sleep(0.01)


@pytest.mark.parametrize("moment", ["serving", "exiting"])
def test_one_signal_ends_a_service_whose_loop_is_held(moment: str) -> None:
    """A call into C that takes hours does not outlive the deadline of an orderly end, and the log says so."""
    with held(moment) as process:
        wait_for(process, "held" if moment == "serving" else "symbia-runtime serves ")
        process.send_signal(signal.SIGTERM)
        status, seconds, events = end_of(process)
    assert status == -signal.SIGKILL
    assert FIRST_SECONDS - 1 < seconds < FIRST_SECONDS + SLACK_SECONDS
    assert events[-1] == "ended by the watchdog"


@pytest.mark.parametrize("moment", ["starting", "serving", "draining"])
def test_a_second_signal_ends_it_sooner(moment: str) -> None:
    """Held at any moment of its life, it is gone soon after the second signal; and so is the watchdog."""
    with held(moment) as process:
        if moment == "draining":
            wait_for(process, "symbia-runtime serves ")
            process.send_signal(signal.SIGTERM)
        wait_for(process, "held")
        watchdog = the_watchdog(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)  # two of one kind that come at once are one
        process.send_signal(signal.SIGINT)
        status, seconds, events = end_of(process)
        wait_until_gone(watchdog)
    assert status == -signal.SIGKILL
    assert seconds < AGAIN_SECONDS + SLACK_SECONDS
    assert events[-1] == "ended by the watchdog"


def test_a_flood_of_signals_neither_saves_nor_crashes_it() -> None:
    """More signals than any buffer holds are two signals."""
    with held("serving") as process:
        wait_for(process, "held")
        for _ in range(20_000):
            process.send_signal(signal.SIGTERM)
        status, seconds, _ = end_of(process)
    assert status == -signal.SIGKILL
    assert seconds < AGAIN_SECONDS + SLACK_SECONDS


def test_a_watchdog_that_dies_is_replaced_and_buried() -> None:
    """There is one watchdog at all times, no zombie of another, and the service ends in good order."""
    with held("never") as process:
        wait_for(process, "symbia-runtime serves ")
        first = the_watchdog(process)
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + RENEW_SECONDS + SLACK_SECONDS
        while not (second := [each for each in watchdogs(process) if each != first]):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert len(second) == 1
        assert first not in children(process.pid)
        process.send_signal(signal.SIGTERM)
        status, _, events = end_of(process)
        wait_until_gone(second[0])
    assert status == 0
    assert "the watchdog has ended and is started anew" in events
    assert events[-1] == "stopped"


def test_the_watchdog_ends_with_the_service_whatever_ended_it() -> None:
    """A service that is killed leaves no watchdog behind; nor do signals to the watchdog end it before."""
    with held("never") as process:
        wait_for(process, "symbia-runtime serves ")
        watchdog = the_watchdog(process)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(watchdog, number)
        time.sleep(0.1)
        assert is_alive(watchdog)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        wait_until_gone(watchdog)


def test_the_watchdog_is_small() -> None:
    """It costs a few megabytes, most of them shared with the service."""
    with held("never") as process:
        wait_for(process, "symbia-runtime serves ")
        watchdog = the_watchdog(process)
        status = Path(f"/proc/{watchdog}/status").read_text(encoding="ascii")
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
        process.send_signal(signal.SIGTERM)
        end_of(process)
    assert kilobytes < 8 * 1024


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs a namespace of processes")
def test_the_first_process_of_a_container_is_ended_too() -> None:
    """Signals from within do not end it, SIGKILL included; the kernel's limit of CPU time does."""
    with held("serving", "unshare", "--pid", "--fork", "--kill-child") as process:
        wait_for(process, "held")
        (first_process,) = children(process.pid)
        os.kill(first_process, signal.SIGTERM)
        time.sleep(0.01)
        os.kill(first_process, signal.SIGINT)
        _, seconds, _ = end_of(process)
        wait_until_gone(first_process)
    assert AGAIN_SECONDS - 1 < seconds < AGAIN_SECONDS + SLACK_SECONDS


def test_patience_is_counted_from_the_signals() -> None:
    """A second signal shortens it, and neither a third nor forgotten ones change anything."""
    patience = Patience(10, 3)
    untils = []
    for count, now in ((0, 0), (1, 100), (1, 101), (2, 102), (0, 103), (7, 104)):
        patience.signalled(count, now)
        untils.append(patience.until)
    assert untils == [None, 110, 110, 105, 105, 105]


def test_a_late_second_signal_does_not_prolong_it() -> None:
    """What is left of the first deadline stays the bound; two signals at once have the shorter one."""
    late, both = Patience(10, 3), Patience(10, 3)
    late.signalled(1, 100)
    late.signalled(2, 109)
    both.signalled(2, 100)
    assert (late.until, both.until) == (110, 103)
