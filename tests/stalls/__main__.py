"""Searches for what holds or fills the service: ``python -m tests.stalls [--minutes 3] [--seed N]``.

The exit status is 1 where a bound was broken. Each such case is written to a file, and
``python -m tests.stalls --case FILE`` says it again. A case that was mended belongs into `tests/attacks/cases`.
"""

import argparse
import secrets
import sys
from pathlib import Path

import msgspec

from tests.stalls.cases import Case, save_case
from tests.stalls.search import BOUND_MS, GROWTH_BOUND, Found, Laboratory, Search


def main() -> int:
    """Search, or say one case again."""
    parser = argparse.ArgumentParser(prog="python -m tests.stalls", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3, help="how long to search")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="repeats a search")
    parser.add_argument("--folder", type=Path, default=Path(".stalls"), help="where the finds are written")
    parser.add_argument("--case", type=Path, help="a case to say once, instead of searching")
    chosen = parser.parse_args()
    with Laboratory() as laboratory:
        if chosen.case is not None:
            case = msgspec.json.decode(chosen.case.read_bytes(), type=Case)
            found = [Found(case, laboratory.confirm(case))]
            tried = 1
            _tell(f"{case.kind}, {case.note}: {found[0].verdict}\n{_details(found[0])}")
        else:
            search = Search(laboratory, chosen.seed, _tell)
            search.run(chosen.minutes * 60)
            found, tried = search.bad(), search.tried
            for number, each in enumerate(found):
                path = chosen.folder / f"{chosen.seed}-{number}.json"
                save_case(each.case, path)
                _tell(f"{path}: {each.case.kind}, {each.case.note}: {each.verdict}\n{_details(each)}")
    bad = [each for each in found if each.verdict.is_bad]
    bounds = f"bounds: {BOUND_MS:g} ms a step, {GROWTH_BOUND:g} bytes of memory a byte sent"
    _tell(f"{tried} cases, seed {chosen.seed}, {bounds}: {f'{len(bad)} BROKE THEM' if bad else 'clean'}")
    return 1 if bad else 0


def _details(found: Found) -> str:
    return "\n".join(str(each) for each in (found.verdict.step, found.verdict.turn) if each is not None)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
