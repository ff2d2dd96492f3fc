"""The house's walls: imports run one way, and the packages are this repository's own."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_import_contract_holds(project: dict[str, Any]) -> None:
    """import-linter keeps every contract of pyproject.toml and breaks none."""
    contracts = project["tool"]["importlinter"]["contracts"]
    command = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([str(command), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Contracts: {len(contracts)} kept, 0 broken" in run.stdout


@pytest.mark.parametrize("package", ["service", "engine", "wasm_host", "workers", "proto"])
def test_a_package_lies_in_this_repository(package: str) -> None:
    """A top-level package comes from here, not from another distribution that installs the same name."""
    paths = [Path(path).resolve() for path in importlib.import_module(package).__path__]
    assert paths == [ROOT / package]


def test_the_wheel_holds_the_packages_that_the_contracts_name(project: dict[str, Any]) -> None:
    """No package can be added to the wheel without standing under the import contracts."""
    packaged = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(packaged) == sorted(project["tool"]["importlinter"]["root_packages"])
