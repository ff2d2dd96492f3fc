"""docs/cli.md says what the commands do."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from examples.countries.server import open_server
from service.cli.main import COMMANDS
from service.cli.streams import SIGPIPE_STATUS
from service.cli.test import NO_CASES_STATUS
from service.cli.until_signal import SIGNAL_STATUS
from tests.pages.shell import run_shell
from tests.service.serving import ROOT, clean_environment

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_the_examples_print_what_the_page_says() -> None:
    """The two runs, pasted, print 42 and 10."""
    lines = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]
    done = subprocess.run(
        ["bash", "-e", "-c", lines.replace(".venv/bin/symbia-runtime", f"{sys.executable} -m service")],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert f"`{first}`, the second one the same with 10" in PAGE
    assert second == first.replace("42", "10")


def test_a_service_is_used_from_a_shell_as_the_page_says(tmp_path: Path) -> None:
    """The four lines, pasted, print the line that the page shows."""
    lines = re.findall(r"```sh\n(.*?)```", PAGE.split("## A service from a shell")[1], re.DOTALL)[0]
    with open_server() as url:
        said = run_shell(lines, tmp_path, url)
    (shown,) = re.findall(r"^The second prints .*, as the last line `(.*)`\.$", PAGE, re.MULTILINE)
    assert said.splitlines()[5] == shown


def test_every_command_has_its_column_of_statuses() -> None:
    """The table of exit statuses is of all commands, and its numbers are those of the program."""
    (head,) = re.findall(r"^\| status \|(.*)\|$", PAGE, re.MULTILINE)
    assert head.rstrip().endswith("the other verbs")
    assert set(re.findall(r"`(\w+)`", head)) <= set(COMMANDS)
    assert all(f"`{verb}" in PAGE or f"symbia-runtime {verb}" in PAGE for verb in COMMANDS)
    statuses = re.findall(r"^\| (\S.*?) \|", PAGE.split("## Exit statuses")[1], re.MULTILINE)[2:]
    assert statuses == [
        "0",
        "1",
        "2",
        "3",
        str(NO_CASES_STATUS),
        f"{SIGNAL_STATUS} and a signal's number",
        str(SIGPIPE_STATUS),
    ]
    assert f"{SIGNAL_STATUS + signal.SIGINT} for Ctrl-C, {SIGNAL_STATUS + signal.SIGTERM} for SIGTERM" in PAGE
