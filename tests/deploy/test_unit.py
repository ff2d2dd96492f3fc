"""The unit for systemd: read by systemd itself where that is there, and true to the service's own times."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings.table import Settings
from tests.service.serving import ROOT

FILE = ROOT / "deploy" / "symbia-runtime.service"


def section(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names as they stand
    parser.read_string(FILE.read_text(encoding="utf-8"))
    return parser[name]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd is here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """Nothing is unknown or wrong in it; the program that it names is this one here."""
    unit = tmp_path / FILE.name
    unit.write_text(FILE.read_text(encoding="utf-8").replace("/opt/symbia/bin/symbia-runtime", sys.executable))
    run = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (run.returncode, [line for line in run.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_service_has_the_time_to_end() -> None:
    """Systemd waits longer than executions may drain and the watchdog waits."""
    (more,) = re.findall(r"watchdog `DRAIN_SECONDS` \+ (\d+) s", (ROOT / "docs" / "operations.md").read_text())
    drain = Settings().executions.drain_seconds
    assert int(section("Service")["TimeoutStopSec"]) > drain + int(more)
    assert section("Service")["KillMode"] == "mixed"  # SIGTERM is for the service alone; its processes end with it


def test_the_service_is_no_root() -> None:
    """It has a user of its own, and no way to more."""
    service = section("Service")
    assert (service["DynamicUser"], service["NoNewPrivileges"]) == ("yes", "yes")
    assert service["CapabilityBoundingSet"] == ""
