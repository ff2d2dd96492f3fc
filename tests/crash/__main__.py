"""``python -m tests.crash --kills 200``: exit status 1, and the seed, when anything is lost, or there twice."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import trio

from tests.crash.run import Crash


def main() -> int:
    """Kill a service under load as often as asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often the service is ended (200)")
    parser.add_argument("--together", type=int, default=10, help="kills that the same executions outlive (10)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all choices; the time by default")
    parser.add_argument("--healthy", action="store_true", help="the disk is never full and never slow")
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    with tempfile.TemporaryDirectory(prefix="symbia-crash-") as folder:
        crash = Crash(arguments.seed, Path(folder), _say, faulty=not arguments.healthy)
        report = trio.run(crash.run, arguments.kills, arguments.together)
    sys.stdout.write(
        f"\n{report.kills} kills, {report.messages} messages, longest start {report.longest_start_seconds:.1f} s, "
        f"{report.faults}: {len(report.complaints)} wrong\n"
    )
    for complaint in report.complaints:
        sys.stdout.write(f"  {complaint}\n")
    if report.complaints:
        sys.stdout.write(f"  seed {report.seed}\n")
    return 1 if report.complaints else 0


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}   ")
    elif "0 kills" in text:
        sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
