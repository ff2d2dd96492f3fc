"""What programs may import from ``engine`` itself: a list that does not change by accident."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parents[2]

PUBLIC = [
    "ConflictError",
    "EngineError",
    "EngineLimits",
    "ExecutionHandle",
    "ExecutionObserver",
    "FlowObserver",
    "HandlerCall",
    "HandlerError",
    "InvalidError",
    "LogLine",
    "Message",
    "MetricPoint",
    "NotFoundError",
    "OverloadedError",
    "Runtime",
    "Sink",
    "SinkLine",
    "open_runtime",
    "open_workbench",
]


def test_the_public_names_are_these() -> None:
    """Each can be imported, by that name, and no further one is offered."""
    assert dir(engine) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(engine, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    """What is imported for type checkers, as ``x as x``, is what is found when the program runs."""
    tree = ast.parse(Path(engine.__file__ or "").read_text(encoding="utf-8"))
    imported = {
        (node.module, alias.name, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engine.")
        for alias in node.names
    }
    assert imported == {(module, name, name) for name, module in engine._MODULES.items()}


def test_other_names_are_not_found() -> None:
    """A wrong name is the usual error, in the usual words."""
    with pytest.raises(AttributeError, match="module 'engine' has no attribute 'open_runtme'"):
        getattr(engine, "open_runtme")  # noqa: B009 - mypy would not let it pass


def test_a_part_of_the_engine_is_imported_without_the_rest() -> None:
    """What worker processes import brings no event loop with it, although it lies in this package."""
    program = (
        "import engine.schemas.tasks, sys; sys.exit('trio' in sys.modules or 'engine.runtime' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_the_head_of_the_package_names_every_room() -> None:
    """The plan in the docstring has each folder and each file of the package."""
    folder = ROOT / "engine"
    plan = engine.__doc__ or ""
    rooms = [f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").exists()]
    files = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert [name for name in rooms + files if name not in plan] == []


@pytest.mark.parametrize("package", ["symbia_runtime", "service", "engine", "wasm_host", "workers", "proto"])
def test_a_package_says_that_it_is_typed(package: str) -> None:
    """Type checkers of other programs read the annotations (PEP 561)."""
    assert (ROOT / package / "py.typed").is_file()
