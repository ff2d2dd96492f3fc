"""Placeholders that somebody has written into a program, where nothing is filled in: the remedy. Pure."""

import re

_PLACEHOLDER = re.compile(r"\$\{(param|env|secret)\.([\w.-]{1,100})\}", re.ASCII)


def unfilled(source: str) -> str:
    """Return what to write in place of a placeholder in a program, as an end of a sentence; "" without one."""
    found = _PLACEHOLDER.search(source)
    if found is None:
        return ""
    instead = {
        "param": f"write {found[1]}.{found[2]}",
        "env": "write param.x, of a parameter whose default it is",
        "secret": "no program sees a secret",
    }
    return f"; {found[0]} is not filled in here: {instead[found[1]]}"
