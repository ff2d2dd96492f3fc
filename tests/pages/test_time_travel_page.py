"""The page about time travel does what it says: its lines are run, and print what stands below them."""

import re
from pathlib import Path

from tests.pages.shell import run_shell
from tests.service.serving import ROOT, run_command

PAGE = (ROOT / "docs/time-travel.md").read_text(encoding="utf-8")
LINES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
TEXTS = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def without_numbers(text: str) -> str:
    """Return a text without the numbers of records, which differ from run to run."""
    return re.sub(r"(at |<- |^ *)[0-9,]+", r"\1N", text.strip())


def test_the_example_finds_the_fault(tmp_path: Path) -> None:
    """The recording is the same again; the new version is not, at the message that the page names."""
    record, again, changed, history = [each.replace("/tmp/", f"{tmp_path}/") for each in LINES]
    run_shell(record.replace("python -m", f"{ROOT}/.venv/bin/python -m"), tmp_path)
    same, different, told = TEXTS
    found = run_command(*again.split()[1:])
    assert (found.returncode, found.stderr.decode()) == (0, same)
    found = run_command(*changed.split()[1:])
    assert found.returncode == 1
    assert without_numbers(found.stdout.decode().splitlines()[0]) == without_numbers(different)
    found = run_command(*history.split()[1:])
    assert without_numbers(found.stdout.decode().splitlines()[0]) == without_numbers(told)
