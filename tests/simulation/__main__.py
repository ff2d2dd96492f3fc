"""``python -m tests.simulation --graphs 20000``: many runs, one after the other; exit status 1 when one is bad."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.simulation.lives import live
from tests.simulation.run import Report, simulate


def main() -> int:
    """Run as many graphs as asked for, or the one seed that is to be replayed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000, help="how many runs (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="replay this one seed and nothing else")
    parser.add_argument("--unchained", action="store_true", help="no nodes run as one")
    parser.add_argument("--runs", action="store_true", help="graphs that are mostly runs of nodes")
    parser.add_argument("--forks", action="store_true", help="kill it now and then, and go on from a checkpoint")
    parser.add_argument("--changes", action="store_true", help="executions that are reloaded while they run")
    parser.add_argument("--lives", action="store_true", help="durable executions whose processes are killed")
    arguments = parser.parse_args()
    if arguments.lives:
        seeds = range(arguments.first, arguments.first + arguments.graphs)
        return _live(seeds if arguments.seed is None else [arguments.seed])
    options = [f"--{name}" for name in ("unchained", "runs", "forks", "changes") if getattr(arguments, name)]
    ways = {
        "chaining": not arguments.unchained,
        "runs": arguments.runs,
        "forks": arguments.forks,
        "changes": arguments.changes,
    }
    if arguments.seed is not None:
        return _show(simulate(arguments.seed, **ways), options)
    began = time.monotonic()
    ends: Counter[str] = Counter()
    messages = bad = 0
    for seed in range(arguments.first, arguments.first + arguments.graphs):
        report = simulate(seed, **ways)
        ends[report.final_state] += 1
        messages += report.messages
        if report.violations:
            bad += _show(report, options)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{seed - arguments.first + 1} of {arguments.graphs}")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{arguments.graphs} graphs, {messages} messages, {seconds:.0f} s, {dict(ends)}: {bad} bad\n")
    return 1 if bad else 0


def _live(seeds: Iterable[int]) -> int:
    began, bad, lives, outputs = time.monotonic(), 0, 0, 0
    for seed in seeds:
        lived = live(seed)
        lives, outputs = lives + lived.lives, outputs + lived.outputs
        for violation in lived.violations[:10]:
            sys.stdout.write(f"  {violation[:1000]}\n")
        if lived.violations:
            bad += 1
            sys.stdout.write(f"  replay: python -m tests.simulation --lives --seed {seed}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{lives} lives, {outputs} outputs, {seconds:.0f} s: {bad} bad\n")
    return 1 if bad else 0


def _show(report: Report, options: list[str]) -> int:
    sys.stdout.write(
        f"seed {report.seed}: {report.final_state}, {report.messages} messages, digest {report.digest[:16]}\n"
    )
    for violation in report.violations[:10]:
        sys.stdout.write(f"  {violation}\n")
    if report.violations:
        sys.stdout.write(f"  replay: python -m tests.simulation --seed {report.seed} {' '.join(options)}\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
