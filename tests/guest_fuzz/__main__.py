"""A long campaign: ``python -m tests.guest_fuzz [--minutes 3] [--seed N]``, or ``make fuzz-guest MINUTES=...``."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import hypothesis
import trio

from tests.guest_fuzz import native
from tests.wasm_host.sandbox.test_json_alike import TEXTS, compare

EXAMPLES_OF_A_MINUTE = 30


def programs_alike(examples: int, seed: int) -> None:
    """Hold that programs see and say what QuickJS would, on so many random texts."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(text=TEXTS)
    def hold(text: str) -> None:
        trio.run(compare, text)

    hold()


def main() -> int:
    """Run it, and print what was tried; the exit status is 1 where something differed or a sanitizer spoke."""
    parser = argparse.ArgumentParser(prog="python -m tests.guest_fuzz", description=__doc__)
    parser.add_argument("--minutes", type=int, default=3, help="of all that runs natively, together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="repeats a campaign")
    chosen = parser.parse_args()
    sys.stdout.write(f"seed {chosen.seed}\n")
    programs_alike(EXAMPLES_OF_A_MINUTE * chosen.minutes, chosen.seed)
    sys.stdout.write("programs: the same as QuickJS's\n")
    compiler = native.compiler()
    if compiler is None:
        sys.stdout.write("no C compiler with sanitizers here: the native part is left out\n")
        return 0
    clean = True
    with tempfile.TemporaryDirectory() as folder:
        upstream = native.sources(Path(folder))
        runs = [(fuzzer, name, flags) for fuzzer in native.FUZZERS for name, flags in native.VARIANTS.items()]
        for fuzzer, name, flags in runs:
            program = Path(folder) / "fuzz"
            native.compile_fuzzer(compiler, upstream, program, flags, fuzzer)
            sys.stdout.write(f"{fuzzer}, {name}: ")
            clean = native.fuzz(program, chosen.minutes * 60 // len(runs), chosen.seed) and clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
