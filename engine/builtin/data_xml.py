"""``symbia.data.xml`` makes a JSON value of an XML text."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.conversion import PLACE, Conversion, said
from engine.builtin.parts.xml_tree import tree_of
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

DEFINITION = declare(
    "symbia.data.xml",
    "XML",
    "Makes a JSON value of an XML text.",
    inputs=(port("in", "An XML text without a document type."),),
    outputs=(
        port("out", "An object whose one member is the root element; or the object that came, with `into`."),
        error_port("What is no XML, has a document type, or is too much, with the value."),
    ),
    config={
        "lists": ConfigField(
            type="array",
            description="The names of elements that are arrays also where there is only one. Others are where "
            "there are several.",
            default=[],
        ),
        **PLACE,
    },
    stateless=True,
)


class Xml(Conversion):
    """The reading.

    Args:
        config: of the node.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._lists = frozenset(config["lists"])

    async def convert(self, text: bytes) -> Sequence[bytes]:
        return (encode(await tree_of(said(text), self._lists)),)


class XmlComponent(Builtin):
    """The component, which checks what a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if all(isinstance(name, str) for name in config["lists"]):
            return ()
        return (Problem("config.invalid", "lists", "The names of elements are texts"),)


def _make(context: InstanceContext) -> Handler:
    return Xml(context.config)


XML = XmlComponent(DEFINITION, _make)
