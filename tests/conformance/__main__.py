"""`python -m tests.conformance FOLDER`: exits with 0 when both engines agree, 1 when not, 2 otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from tests.conformance.case import CaseError
from tests.conformance.comparison import Comparison, compared, harness_of
from tests.conformance.engines import GuestEngine, NativeEngine, NativeMissing
from wasm_host.host import open_host


async def _run(folder: Path, harness: Path | None, *, verbose: bool) -> int:
    native = NativeEngine()
    comparison = Comparison()
    async with open_host() as host:
        async for outcome in compared(folder, harness or harness_of(folder), GuestEngine(host), native):
            comparison.add(outcome)
            if verbose or outcome.differs:
                click.echo(outcome.line())
    for line in comparison.lines():
        click.echo(line)
    if not comparison.counts["all"] and not comparison.skipped:
        raise CaseError(f"there is no case below {folder}")
    return 1 if comparison.differences else 0


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--harness", type=click.Path(exists=True, file_okay=False, path_type=Path), help="assert.js and others."
)
@click.option("--verbose", is_flag=True, help="Show each scenario, not only where the engines differ.")
def main(folder: Path, harness: Path | None, *, verbose: bool) -> None:
    """Run the test262 cases below FOLDER in the guest and in native QuickJS-ng, and show where they differ."""
    try:
        sys.exit(trio.run(lambda: _run(folder, harness, verbose=verbose)))
    except (NativeMissing, CaseError) as problem:
        click.echo(str(problem), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
