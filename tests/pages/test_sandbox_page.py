"""docs/sandbox.md and docs/writing-components.md: examples run, forms work, and the errors are all there are."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.attacks import (
    test_escapes,
    test_lifetimes,
    test_modules,
    test_pollution,
    test_resources,
    test_transactions,
    test_values,
)
from tests.wasm_host.sandboxes import opened, run
from tests.wasm_host.test_errors import reported_names
from wasm_host.errors import SandboxError

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = "\n".join((DOCS / name).read_text(encoding="utf-8") for name in ("sandbox.md", "writing-components.md"))

KINDS = {"GuestFault", "LimitExceeded"}
"""Names that no error has: they are kinds of errors."""

TABLES: list[Mapping[str, object]] = [
    *(test_escapes.ESCAPES, test_pollution.RUIN, test_pollution.ATTACKS, test_transactions.ATTACKS),
    *(test_lifetimes.ATTACKS, test_lifetimes.OPENINGS, test_resources.ATTACKS, test_values.ATTACKS),
    *(test_modules.LIES, test_modules.REFUSED),
]


def rows(heading: str) -> list[list[str]]:
    """The cells of the last table under a heading, without its head."""
    section = re.split(r"\n##+ ", PAGE.split(f" {heading}\n", 1)[1])[0]
    table = section[section.rindex("|---") :].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table if line.startswith("|")]


async def test_the_example_does_what_the_page_says() -> None:
    """Each value of the table, in order, and the line that cleanup logs."""
    (source,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
    lines = [
        line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| `.*` \| (emits|fails)", line)
    ]
    assert len(lines) == 4
    async with opened(source, config=b'{"size": 2}') as sandbox:
        for value, happens in lines:
            (effects,) = await sandbox.process([(0, value.strip(" `").encode())])
            if effects.error is None:
                assert happens.strip() == f"emits `{effects.emissions[0][1].decode()}`"
            else:
                assert happens.strip() == f"fails with `{effects.error.name}: {effects.error.message}`"
        (line,) = (await sandbox.close()).logs
    assert (line.message, json.loads(line.meta or b"")) == ("last window", [4, 9])


@pytest.mark.parametrize("form", [row[1].strip("`") for row in rows("The forms of a source")])
async def test_each_form_on_the_page_runs(form: str) -> None:
    """Every example adds one."""
    (effects,) = await run(form, b"41")
    assert effects.emissions == [(0, b"42")]


def test_the_page_names_every_error() -> None:
    """The table has each error of the sandbox, and no other."""
    named = {row[0].strip("`") for row in rows("Reading an error")}
    assert named == {*reported_names(SandboxError), "StateLimitExceeded", "ResultError"} - KINDS


def test_the_page_counts_the_attacks() -> None:
    """There are about as many as it says."""
    (said,) = re.findall(r"some (\d+) named cases", PAGE)
    count = sum(len(table) for table in TABLES)
    assert abs(count - int(said)) < 30, count
