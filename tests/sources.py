"""The source files of the project, for tests that hold a rule in all of them."""

from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "proto", "service", "store", "wasm_host", "workers")


def found_in(package: str, search: Callable[[str], Iterable[object]]) -> list[str]:
    """Return what a search finds in the text of each file of a package, each with the file before it."""
    return [
        f"{path.relative_to(ROOT)}:{place}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for place in search(path.read_text(encoding="utf-8"))
    ]
