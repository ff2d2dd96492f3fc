"""Setup: who may run it, when it can be skipped, and what it says when something is missing."""

import ast
import shutil
import sys
from pathlib import Path

import diagnosis
import installation
import pytest
import setup
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent.parent


def test_an_old_python_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python older than 3.11 ends with its own version, the one needed, and the line to type."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert setup.main() == 1
    message = capsys.readouterr().err
    assert "This is Python 3.9.2" in message
    assert "make PYTHON=/path/to/python3.11 setup" in message


def test_an_old_python_can_read_the_entry_script() -> None:
    """The file that holds the version check uses no syntax that an old Python trips over first."""
    source = (ROOT / "scripts" / "setup.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("(x := 1)", feature_version=(3, 6))  # the check can tell


LIBRARY_INPUTS = (
    "wasm_host/limits.py",
    *("wasm_host/wasmtime_c/exchange.c", "wasm_host/wasmtime_c/ticker.c", "proto/json_weight.c"),
)
"""Single files that the result depends on."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of all that the fingerprint reads."""
    for name in ("pyproject.toml", "constraints.txt", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("wasm_host/quickjs", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for folder in ("wasm_host/wasmtime_c", "proto"):
        (tmp_path / folder).mkdir()
    for name in LIBRARY_INPUTS:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("pyproject.toml", "constraints.txt", "hatch_build.py", "scripts/installation.py"),
        *("wasm_host/quickjs/wasi.c", *LIBRARY_INPUTS),
    ],
)
def test_a_changed_input_runs_setup_again(checkout: Path, name: str) -> None:
    """The stamp's digest changes with each file that the result depends on."""
    before = installation.fingerprint(checkout)
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert installation.fingerprint(checkout) != before


def test_results_do_not_run_setup_again(checkout: Path) -> None:
    """What setup itself writes next to the sources does not count as a change."""
    before = installation.fingerprint(checkout)
    (checkout / "wasm_host" / "quickjs" / "guest.wasm").write_bytes(b"\0asm built again")
    assert installation.fingerprint(checkout) == before


def test_a_moved_checkout_is_set_up_again(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The digest is bound to the place, because an environment does not survive being moved."""
    moved = tmp_path_factory.mktemp("elsewhere") / "checkout"
    shutil.copytree(checkout, moved)
    assert installation.fingerprint(moved) != installation.fingerprint(checkout)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Failed to establish a new connection: [Errno 111] Connection refused", "cannot be reached"),
        ("Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: No matching distribution found for wasmtime==50.0.1", "no ready-made file of wasmtime==50.0.1"),
        ("ERROR: ResolutionImpossible: for help visit", "make lock"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/x'", "/opt/x cannot be written"),
        ("zig: error: something new", "a program failed with this"),
    ],
)
def test_a_failure_says_what_to_do(output: str, said: str) -> None:
    """A known failure is named with its remedy, and every failure shows its last line and the log."""
    message = diagnosis.advice(f"first line\n{output}", log=Path("setup.log"))
    assert said in message
    assert output in message
    assert "setup.log" in message


@given(st.text())
def test_advice_takes_any_output(output: str) -> None:
    """Whatever a program prints, the advice is a message and never an error of its own."""
    assert "setup.log" in diagnosis.advice(output, log=Path("setup.log"))
