"""`python -m tests.conformance.test262 FOLDER`: exits with 0 when both engines agree as is known, 1 when not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import click

from tests.conformance.suite import Outcome, SuiteError, command
from tests.conformance.test262.case import CaseError
from tests.conformance.test262.comparison import compared, harness_of
from tests.conformance.test262.engines import GuestEngine, NativeEngine, NativeMissing
from wasm_host.host import open_host


async def run(folder: Path, harness: Path | None = None, *, verbose: bool = False) -> AsyncIterator[Outcome]:
    """Run the test262 cases below FOLDER in the guest and in native QuickJS-ng, and show where they differ."""
    passed = dict.fromkeys(("guest", "native"), 0)
    try:
        native = NativeEngine()
        async with open_host() as host:
            async for outcome in compared(folder, harness or harness_of(folder), GuestEngine(host), native):
                passed["guest"] += outcome.guest is not None and outcome.guest.passed
                passed["native"] += outcome.native is not None and outcome.native.passed
                if verbose:
                    click.echo(outcome.line())
                difference = outcome.line() if outcome.differs else ""
                yield Outcome(outcome.name, difference=difference, skipped=outcome.skipped)
    except (NativeMissing, CaseError) as problem:
        raise SuiteError(str(problem)) from problem
    click.echo(f"{passed['guest']} scenarios pass in the guest, {passed['native']} natively")


main = command(
    run,
    Path(__file__).with_name("known.toml"),
    click.option(
        "--harness", type=click.Path(exists=True, file_okay=False, path_type=Path), help="assert.js and others."
    ),
    click.option("--verbose", is_flag=True, help="Show each scenario, not only where the engines differ."),
)

if __name__ == "__main__":
    main()
