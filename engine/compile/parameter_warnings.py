"""Warnings about parameters: keys that JSON Schema does not know, and names that no graph declares. Pure.

What JSON Schema does not know means nothing there, so ``defult`` makes a parameter required; and of an object
without a member JavaScript says nothing, so ``param.rat`` is undefined, and what it is multiplied with is null.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from engine.compile.scopes import ParameterScope
from engine.cooperative.slices import Steps, paced
from engine.documents.hints import Hints
from engine.documents.problem_report import listed, shown
from proto.graph import Node
from proto.problem import Problem

_PROGRAMS = {
    "symbia.core.filter": ("predicate",),
    "symbia.core.map": ("expression", "transform"),
    "symbia.core.split": ("condition",),
}
"""The configuration keys that hold expressions, which see ``param``."""

_MENTION = re.compile(r"(?<![\w$.])param\b(?:\??\.([A-Za-z_]\w*))?", re.ASCII)


def doubts_about(nodes: Sequence[tuple[str, Node, int]], scopes: Sequence[ParameterScope]) -> Steps[list[Problem]]:
    """Return the warnings about the parameters of a graph.

    Args:
        nodes: those whose author is told, each with its place and the index of its scope.
        scopes: of the graph, and of those inside it.
    """
    hints = Hints()
    found = [doubt for scope in scopes if scope.is_ours for doubt in scope.parameters.doubts]
    for (path, node, scope), is_due in paced(nodes):
        names = scopes[scope].parameters.schemas
        for key in _PROGRAMS.get(node.component, ()):
            for name in _mentioned(node.config.get(key)):
                if name not in names:
                    close = hints.similar(name, names)
                    known = f"there are {listed(names)}" if names else "the graph declares no parameters"
                    hint = f"did you mean param.{close}?" if close else known
                    message = (
                        f"The expression of node {shown(node.id)} names param.{shown(name)}, and there is none"
                    )
                    found.append(Problem("parameter.unknown", f"{path}.config.{key}", f"{message}; {hint}"))
        if is_due:
            yield
    return found


def _mentioned(program: Any) -> Iterator[str]:
    """Yield the parameters that an expression names, each once; none where it has a ``param`` of its own."""
    if isinstance(program, str) and "param" in program:
        names = dict.fromkeys(match[1] for match in _MENTION.finditer(program))
        if None not in names:
            yield from names
