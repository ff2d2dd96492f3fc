"""Sieges: one attack at full rate, from clients in processes of their own, and what everybody else sees meanwhile.

``python -m tests.attacks.siege [--seconds 10] [--clients 2] [CASE ...]`` lays siege to a fresh service with
default settings and two organisations, once for each case of `tests/attacks/cases` (or those that are named), and
prints a table. The exit status is 1 where one of the promises below was not kept.

A test that has its own clients uses `besieged`, and says its attack in the block.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.service.serving import ROOT
from tests.service.tokens import SECRET, claims, hs
from tests.stalls.cases import FOLDER, Case, load_cases
from tests.stalls.conversation import Client
from tests.stalls.target import Target, probing

HEALTH_P99_MS = 50.0
RESIDENT_BYTES = 400 * 1000 * 1000
OTHERS_P99_MS = 1000.0
STOP_SECONDS = 15.0
"""DRAIN_SECONDS is 5 by default, 8 more are for closing, and one for the watchdog."""

SAMPLE_SECONDS = 0.05
READY = b"r"
SAID = b"s"


class Outcome(msgspec.Struct):
    """What others saw of a siege.

    Attributes:
        said: how often the case was said in the time, by all clients together.
        health: how `GET /health/live` was answered to another process; count, failures, p50_ms, p99_ms,
            longest_ms.
        others: the same for the messages of one who has nothing to do with it.
        step_ms: the longest step of the service's process.
        resident_bytes: the most memory that the service had.
        left_bytes: what it still had a moment after the last attack.
        stop_seconds: how long it took to end after SIGTERM, in the middle of it all.
        status: its exit status.
    """

    said: int = 0
    health: dict[str, float] = {}
    others: dict[str, float] = {}
    step_ms: float = 0.0
    resident_bytes: int = 0
    left_bytes: int = 0
    stop_seconds: float = 0.0
    status: int | None = None

    def broken(self) -> list[str]:
        """The promises that were not kept, in words."""
        found = {
            f"health p99 {self.health.get('p99_ms', 0):.0f} ms": self.health.get("p99_ms", 0) > HEALTH_P99_MS,
            f"health failed {self.health.get('failures', 0):.0f} times": self.health.get("failures", 0) > 0,
            f"others' p99 {self.others.get('p99_ms', 0):.0f} ms": self.others.get("p99_ms", 0) > OTHERS_P99_MS,
            f"others failed {self.others.get('failures', 0):.0f} times": self.others.get("failures", 0) > 0,
            f"{self.resident_bytes / 1e6:.0f} MB resident": self.resident_bytes > RESIDENT_BYTES,
            f"ended after {self.stop_seconds:.1f} s": self.stop_seconds > STOP_SECONDS,
            f"exit status {self.status}": self.status != 0,
        }
        return [words for words, is_broken in found.items() if is_broken]


@contextlib.contextmanager
def besieged(outcome: Outcome) -> Iterator[Target]:
    """A fresh service, watched while the block attacks it and told to end when the block is left.

    It knows two organisations: whoever attacks may use `attacker_token`; the other one only wants to be served.
    """
    with Target({"AUTH": "identity", "JWT_SECRET": SECRET}) as target:
        other = _token("org-b")
        with probing(target, target.bystander(other), other) as measured:
            target.forget_peak()
            yield target
            outcome.resident_bytes = target.peak_bytes()
        outcome.health, outcome.others = measured.get("health", {}), measured.get("others", {})
        outcome.left_bytes = target.resident_bytes()
        outcome.stop_seconds = target.end()
        outcome.status = target.process.poll()
        outcome.step_ms = max((step.cpu_ms for step in target.steps()), default=0.0)


def attacker_token() -> str:
    """Who attacks."""
    return _token("org-a")


def _token(organisation: str) -> str:
    return hs(SECRET, body=claims(sub=organisation, orgId=organisation))


def lay_siege(case: Path, seconds: float, clients: int) -> Outcome:
    """Say one case again and again, by several clients at once; they go on while the service is told to end."""
    outcome = Outcome()
    attackers: list[subprocess.Popen[bytes]] = []
    try:
        with besieged(outcome) as target:
            command = [sys.executable, "-m", "tests.attacks.siege", "--attack", target.url, str(case)]
            attackers += [
                subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for _ in range(clients)
            ]
            for attacker in attackers:
                assert attacker.stdout is not None
                assert attacker.stdout.read(1) == READY
            target.steps()
            time.sleep(seconds)
    finally:
        for attacker in attackers:
            attacker.kill()
            outcome.said += attacker.communicate()[0].count(SAID)
    return outcome


def attack(url: str, case: Case) -> None:
    """Say a case until nobody listens."""
    failures = 0
    client = Client(url, attacker_token())
    os.write(sys.stdout.fileno(), READY)
    while failures < 20:
        played = client.play(case)
        os.write(sys.stdout.fileno(), SAID if played.sent_bytes else b"")
        failures = 0 if played.sent_bytes else failures + 1
        time.sleep(0 if played.sent_bytes else SAMPLE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Lay siege with each case, and print what others saw."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.siege", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each case")
    parser.add_argument("--clients", type=int, default=2, help="at once, each in a process of its own")
    parser.add_argument("--attack", metavar="URL", help="be one of the clients, until the service is gone")
    parser.add_argument("cases", nargs="*", help="names or files of cases; all when absent")
    chosen: Any = parser.parse_args(arguments)
    paths = [_path(name) for name in chosen.cases or load_cases()]
    if chosen.attack:
        attack(chosen.attack, msgspec.json.decode(paths[0].read_bytes(), type=Case))
        return 0
    columns = f"{'case':<26}{'said':>6}{'health p99':>11}{'longest':>8}{'others p99':>11}"
    _tell(f"{columns}{'step':>7}{'resident':>9}{'end':>7}")
    broken = 0
    for path in paths:
        outcome = lay_siege(path, chosen.seconds, chosen.clients)
        words = outcome.broken()
        broken += bool(words)
        times = f"{outcome.health.get('p99_ms', 0):>8.1f} ms{outcome.health.get('longest_ms', 0):>5.0f} ms"
        times += f"{outcome.others.get('p99_ms', 0):>8.1f} ms{outcome.step_ms:>4.0f} ms"
        row = f"{path.stem:<26}{outcome.said:>6}{times}{outcome.resident_bytes / 1e6:>6.0f} MB"
        row += f"{outcome.stop_seconds:>5.1f} s"
        _tell(f"{row}  {'; '.join(words)}")
    _tell(f"{len(paths)} cases: {f'{broken} BROKE A PROMISE' if broken else 'every promise kept'}")
    return 1 if broken else 0


def _path(name: str) -> Path:
    return Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
