"""Which tests concern a file: those of its own name, those of its room, and those of the promise that it keeps."""

from pathlib import Path

UNDER = ("engine", "wasm_host", "service/live", "service/auth")
"""What is mutated unless something else is said; the view that a caller has of the runtime is among the last."""

ROOMS: dict[str, tuple[str, ...]] = {
    "engine/execution": (
        "tests/engine/execution",
        "tests/engine/test_runtime.py",
        "tests/engine/test_growth.py",
        "tests/engine/memory",
        "tests/simulation",
    ),
    "engine/contracts": ("tests/engine/contracts", "tests/engine/execution"),
    "engine/builtin/parts": ("tests/engine/builtin",),
    "engine/compile": ("tests/engine/compile", "tests/engine/contracts"),
    "engine/components": ("tests/engine/components", "tests/engine/execution"),
    "engine/counters": ("tests/engine/counters", "tests/engine/execution", "tests/engine/test_totals.py"),
    "engine/cooperative": ("tests/engine/cooperative", "tests/engine/execution", "tests/engine/compile"),
    "engine/memory": ("tests/engine/memory", "tests/engine/execution"),
    "engine/handle.py": ("tests/engine/test_runtime.py", "tests/engine/execution", "tests/service/auth"),
    "engine/running": ("tests/engine/test_runtime.py", "tests/engine/durability", "tests/engine/reload"),
    "engine": ("tests/engine/test_*.py",),
    "wasm_host/compile": ("tests/wasm_host/compile", "tests/wasm_host/test_host.py"),
    "wasm_host/component_model": ("tests/wasm_host/component_model",),
    "wasm_host/guest": ("tests/wasm_host/guest", "tests/wasm_host/sandbox"),
    "wasm_host/sandbox": ("tests/wasm_host/sandbox", "tests/wasm_host/test_host.py", "tests/engine/components"),
    "wasm_host": ("tests/wasm_host/test_*.py", "tests/wasm_host/sandbox"),
    "service/live": ("tests/service/live", "tests/attacks/test_wire_floods.py"),
    "service/auth": ("tests/service/auth", "tests/service/http/routes/test_ingress.py", "tests/service/network"),
}
"""The tests of rooms for which those in the folder of the same name are not enough."""


def concerning(root: Path, file: str) -> list[list[str]]:
    """The files of tests that concern a file of the project, in groups, those that know it best first.

    What the first group notices need not be asked of the others.
    """
    path = Path(file)
    own = [] if path.stem == "__init__" else sorted((root / "tests" / path.parts[0]).rglob(f"test_{path.stem}.py"))
    own += sorted((root / "tests" / path.parent).glob(f"test_{path.stem}_*.py"))
    groups = [own]
    for pattern in _room(path) or (f"tests/{path.parent}",):
        place = root / pattern
        groups.append(sorted(place.rglob("test_*.py") if place.is_dir() else root.glob(pattern)))
    seen: set[Path] = set()
    fresh: list[list[str]] = []
    for group in groups:
        fresh.append([test.relative_to(root).as_posix() for test in dict.fromkeys(group) if test not in seen])
        seen.update(group)
    return [group for group in fresh if group]


def _room(path: Path) -> tuple[str, ...]:
    """The row of the table for where a file lies; none where its own folder is more precise."""
    for place in (path, *path.parents):
        if place.as_posix() in ROOMS:
            is_own_room = place in {path, path.parent}
            return ROOMS[place.as_posix()] if is_own_room else ()
    return ()
