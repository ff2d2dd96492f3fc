"""Nodes that make sequences of messages, and one message of a sequence."""

from service.interchange.nodered.draft import Draft, Workshop, programmed
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.kinds.basics import LONGEST_MS, SHORTEST_MS, add_timer, settings_of


def split(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that sends each part of a value as a message."""
    red = node.red
    fields = {
        "splt": "\\n",
        "spltType": "str",
        "arraySplt": 1,
        "stream": False,
        "addname": "",
        "property": "payload",
    }
    if red.text("spltType") == "bin":
        shop.note("byHand", "It splits at bytes; values are JSON", node, name)
    shop.program(name, "split", node, settings_of(red, **fields))
    return programmed(name)


def join(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that makes one message of several."""
    red = node.red
    fields = ("propertyType", "property", "key", "joiner", "joinerType", "accumulate", "count", "useparts")
    settings = dict(
        settings_of(red, *fields, "reduceInit", "reduceInitType", "reduceRight", mode="auto", build="array")
    )
    expressions = []
    if settings["mode"] == "reduce":
        settings |= {key: red.text(key) for key in ("reduceExp", "reduceFixup")}
        expressions = [text for text in (settings["reduceExp"], settings["reduceFixup"]) if text]
    seconds = red.number("timeout") if settings["mode"] == "custom" else 0
    if settings["build"] == "buffer":
        shop.note("byHand", "It joins Buffers; values are JSON", node, name)
    settings["timeoutMs"] = seconds * 1000
    shop.program(name, "join", node, settings, inputs=("in", "tick"), expressions=expressions)
    if seconds > 0:
        interval = min(max(seconds * 1000 / 4, SHORTEST_MS), 1_000)
        add_timer(shop, name, interval)
        message = f"What is incomplete after {seconds:g} s is sent up to {interval:g} ms later"
        shop.note("approximated", message, node, name)
    return programmed(name)


def sort(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that sorts an array, or the messages of a sequence."""
    red = node.red
    fields = ("msgKey", "msgKeyType", "seqKey", "seqKeyType")
    settings = settings_of(red, *fields, order="ascending", as_num=False, target="payload", targetType="msg")
    side = "msg" if settings["targetType"] == "msg" else "seq"
    is_expression = red.text(f"{side}KeyType") == "jsonata"
    shop.program(name, "sort", node, settings, expressions=[red.text(f"{side}Key")] if is_expression else [])
    return programmed(name)


def batch(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that makes sequences of a number of messages, or of those of several topics."""
    red = node.red
    settings = dict(settings_of(red, "topics", mode="count", count=1, overlap=0, honourParts=False))
    if settings["mode"] == "count" and red.number("count", 1) <= red.number("overlap"):
        shop.note("byHand", "It overlaps by as many messages as it counts, which Node-RED refuses", node, name)
        settings["overlap"] = 0
    settings["allowEmpty"] = red.flag("allowEmptySequence")
    shop.program(name, "batch", node, settings, inputs=("in", "tick"))
    if settings["mode"] == "interval":
        add_timer(shop, name, min(max(red.number("interval", 10) * 1000, SHORTEST_MS), LONGEST_MS))
    return programmed(name)
