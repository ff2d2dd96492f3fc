"""The kinds of documents that people write, told apart by what stands in them. Pure."""

from typing import Any, Literal

from engine.routine.validation import is_routine

Kind = Literal["graph", "component", "cases", "routine"]


def kind_of(document: Any) -> Kind | None:
    """Return the kind that a document means to be; None where nothing speaks for any."""
    if not isinstance(document, dict):
        return None
    if is_routine(document):
        return "routine"
    if "nodes" in document or "edges" in document:
        return "graph"
    if "cases" in document:
        return "cases"
    if "execution" in document or ("ports" in document and "id" in document):
        return "component"
    return "graph" if "symbia" in document else None
