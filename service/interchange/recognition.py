"""The tools whose documents can be imported, and which one a document is of."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from service.interchange.benthos.config import is_pipeline
from service.interchange.benthos.importing import import_pipeline
from service.interchange.fbp.importing import import_network
from service.interchange.fbp.network import is_network
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


def _fbp(source: Source) -> Imported:
    return import_network(source.text, source.document, source.name)


def _benthos(source: Source) -> Imported:
    return import_pipeline(source.document, source.name)


TOOLS: Mapping[str, Importer] = {"nodered": _nodered, "fbp": _fbp, "benthos": _benthos}


def importer_of(tool: str | None, name: str, document: Any) -> Importer:
    """Return the importer for a file.

    Raises:
        NotImportableError: it is of no tool that is known.
    """
    if tool is not None:
        return TOOLS[tool]
    if document is None or is_network(document):
        return _fbp
    if is_flows(document):
        return _nodered
    if is_pipeline(document):
        return _benthos
    raise NotImportableError(f"{name} is of no tool that is known; --from says which one, of {', '.join(TOOLS)}")
