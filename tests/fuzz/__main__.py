"""A long campaign: ``python -m tests.fuzz [--examples 100] [--seed N] [--recognised]``, or ``make fuzz``."""

import argparse
import secrets
import sys

from tests.fuzz.campaign import run_campaign


def main() -> int:
    """Run it, and print the report; the exit status is 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=150, help="requests for each operation and phase")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="repeats a campaign")
    parser.add_argument("--recognised", action="store_true", help="with a token, to a service that wants one")
    chosen = parser.parse_args()
    result = run_campaign(chosen.examples, chosen.seed, recognised=chosen.recognised)
    sys.stdout.write(f"{result.report}\n")
    sys.stdout.write(
        f"{result.cases} requests, seed {chosen.seed}: {'clean' if result.is_clean else 'NOT CLEAN'}\n"
    )
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
