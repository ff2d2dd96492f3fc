"""Breaks one place of the code at a time: ``python -m tests.mutants [--minutes 60] [--seed N] [--under ...]``.

The exit status is 1 where the tests that concern a place did not notice what was done to it. With ``--promises``
each promise of the semantics is broken instead, and the simulation is asked alone.
"""

import argparse
import secrets
import sys
from pathlib import Path

from tests.mutants.campaign import Campaign, UnsoundTestsError, as_entry, read_equivalents, sampled, stale
from tests.mutants.concern import UNDER
from tests.mutants.laboratory import open_laboratory
from tests.mutants.promises import PromisesCampaign, as_line, read_promises

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Try mutants for a while."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long to try")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="decides which come first")
    parser.add_argument("--under", nargs="+", default=UNDER, metavar="FOLDER", help="folders or files to mutate")
    parser.add_argument("--promises", action="store_true", help="break each promise of docs/semantics.md instead")
    chosen = parser.parse_args()
    if chosen.promises:
        return _break_promises()
    known = read_equivalents()
    mutants = sampled(ROOT, chosen.under, chosen.seed, known)
    for entry in stale(ROOT, chosen.under, known):
        _tell(f"listed in equivalents.toml, and no longer there: {entry.file}, {entry.scope}: {entry.before}")
    _tell(f"{len(mutants)} mutants, seed {chosen.seed}")
    with open_laboratory(ROOT) as laboratory:
        campaign = Campaign(laboratory, _tell)
        try:
            campaign.run(mutants, chosen.minutes * 60)
        except UnsoundTestsError as error:
            _tell(str(error))
            return 2
    _tell(", ".join(f"{count} {name}" for name, count in campaign.counts.items()) + f"; seed {chosen.seed}")
    if campaign.survivors:
        _tell("\nKill each of them by a better test, or say in equivalents.toml why it changes nothing:\n")
        _tell("\n\n".join(as_entry(mutant) for mutant in campaign.survivors))
    return 1 if campaign.survivors else 0


def _break_promises() -> int:
    """Break each promise, and ask the simulation alone."""
    with open_laboratory(ROOT) as laboratory:
        campaign = PromisesCampaign(laboratory, _tell)
        campaign.run(read_promises().broken)
    _tell(", ".join(f"{count} {name}" for name, count in campaign.counts.items()))
    for change in campaign.unnoticed:
        _tell(f"the simulation did not notice: {as_line(change)}")
    return 1 if campaign.unnoticed else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
