"""The guest's build: pinned, checked, cached."""

import hashlib
from pathlib import Path

import pytest
import wasmtime

from wasm_host.errors import HostError
from wasm_host.quickjs import build
from wasm_host.sandbox import javascript


def test_the_built_guest_is_the_pinned_one() -> None:
    """What lies in the package is what the source says, byte for byte."""
    assert hashlib.sha256(javascript.read_guest()).hexdigest() == build.EXPECTED_SHA256


def test_the_guest_imports_nothing_and_exports_the_abi() -> None:
    """No host function, no WASI: there is nothing to call."""
    module = wasmtime.Module(wasmtime.Engine(), javascript.read_guest())
    assert [(wanted.module, wanted.name) for wanted in module.imports] == []
    names = {
        "abi",
        "status",
        "awaited",
        "input",
        "open",
        "process",
        "close",
        "flush",
        "chain",
        "relay",
        "select",
        "next",
    }
    assert {export.name for export in module.exports} == {"memory", "_initialize", *(f"symbia_{n}" for n in names)}


def test_a_second_build_comes_from_the_cache(tmp_path: Path) -> None:
    """It neither fetches nor compiles, and gives the same bytes."""
    steps: list[str] = []
    build.build(javascript.GUEST_PATH, lambda _: None)
    build.build(tmp_path / "guest.wasm", steps.append)
    assert steps == [f"guest.wasm is ready ({javascript.GUEST_PATH.stat().st_size:,} bytes)"]
    assert (tmp_path / "guest.wasm").read_bytes() == javascript.read_guest()


def test_an_unexpected_result_is_not_installed(tmp_path: Path) -> None:
    """The message says what was found, what was expected, and what to do."""
    built = tmp_path / "guest.wasm"
    built.write_bytes(b"something else")
    with pytest.raises(HostError, match="put the new value into EXPECTED_SHA256") as caught:
        build._check_result(built)
    assert build.EXPECTED_SHA256 in str(caught.value)


def test_another_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs the right one."""
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "0.0.1")
    with pytest.raises(HostError, match=r"pip install ziglang==0\.17\.1"):
        build._check_compiler()
