"""The guest's C files: each knows only those below it."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "wasm_host/quickjs"
MAP = (FOLDER / "guest.h").read_text(encoding="utf-8").split("#ifndef", 1)[0]
ORDER = [Path(name).stem for name in re.findall(r"^ \*   (\w+\.[ch])  ", MAP, re.MULTILINE)]
"""The files as the map at the head of guest.h lists them, lowest first; a .c file and its .h are one."""


def _sources() -> list[Path]:
    return [path for path in FOLDER.iterdir() if path.suffix in {".c", ".h"}]


def test_the_map_lists_every_file_once() -> None:
    """Whoever opens guest.h sees them all."""
    assert len(ORDER) == len(set(ORDER)) > 10
    assert set(ORDER) == {path.stem for path in _sources()}


def test_every_file_includes_only_those_above_it_in_the_map() -> None:
    """So no two of them include each other, however many files lie between."""
    wrong = [
        f"{path.name} includes {name}.h"
        for path in _sources()
        for name in re.findall(r'^#include "(\w+)\.h"', path.read_text(encoding="utf-8"), re.MULTILINE)
        if name not in {"quickjs", "guest_limits", "json_powers", path.stem}
        and ORDER.index(name) >= ORDER.index(path.stem)
    ]
    assert wrong == []


def test_only_headers_declare_what_another_file_defines() -> None:
    """A declaration within a .c file would get around its includes."""
    wrong = [
        path.name
        for path in _sources()
        if path.suffix == ".c" and re.search(r"^extern ", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert wrong == []
