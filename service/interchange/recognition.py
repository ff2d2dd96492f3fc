"""The tools whose documents can be imported, and which one a document is of."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from service.interchange.imported import Imported, NotImportableError
from service.interchange.nodered.flows import is_flows
from service.interchange.nodered.importing import import_flows


class Source(msgspec.Struct, frozen=True):
    """A file that is to be imported.

    Attributes:
        text: its bytes.
        document: what was decoded of it; None where it is text of its own kind.
        name: its name, without what says its kind.
        tabs: the names of the tabs that are wanted; all where there is none.
        unusable: components that a first import made and that are no programs, and why.
    """

    text: bytes
    document: Any
    name: str
    tabs: tuple[str, ...] = ()
    unusable: Mapping[str, str] = {}


Importer = Callable[[Source], Imported]


def _nodered(source: Source) -> Imported:
    return import_flows(source.document, source.tabs, source.unusable)


TOOLS: Mapping[str, Importer] = {"nodered": _nodered}


def importer_of(tool: str | None, name: str, document: Any) -> Importer:
    """Return the importer for a file.

    Raises:
        NotImportableError: it is of no tool that is known.
    """
    if tool is not None:
        return TOOLS[tool]
    if is_flows(document):
        return _nodered
    raise NotImportableError(f"{name} is of no tool that is known; --from says which one, of {', '.join(TOOLS)}")
