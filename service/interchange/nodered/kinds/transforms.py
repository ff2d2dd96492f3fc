"""Nodes that change a message, or choose its way."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.interchange.nodered.draft import Draft, Workshop, programmed
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.flows import MOST_OUTPUTS, RedNode, number_of
from service.interchange.nodered.kinds.basics import settings_of
from service.interchange.notes import shown

COMPARISONS = frozenset(
    (
        *(
            "eq",
            "neq",
            "lt",
            "lte",
            "gt",
            "gte",
            "btwn",
            "cont",
            "regex",
            "true",
            "false",
            "null",
            "nnull",
            "empty",
        ),
        *("nempty", "istype", "head", "tail", "index", "hask", "jsonata_exp", "else"),
    )
)


def change(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that applies rules to properties."""
    rules = [_change_rule(rule) for rule in node.red.items("rules")] or [_old_change_rule(node.red)]
    expressions = [rule["to"] for rule in rules if rule.get("tot") == "jsonata" and isinstance(rule["to"], str)]
    for rule in rules:
        if rule.get("tot") == "bin":
            shop.note("byHand", "A rule sets a Buffer; values are JSON", node, name)
    shop.program(name, "change", node, {"rules": rules}, expressions=expressions)
    return programmed(name)


def _change_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made = {"t": "set", "p": "", "pt": "msg", "tot": "str", **rule}
    if made["t"] == "change":
        made["fromt"] = "re" if rule.get("re") is True else rule.get("fromt", "str")
    if made["t"] == "set" and "tot" not in rule and str(rule.get("to", "")).startswith("msg."):
        made |= {"to": str(rule["to"]).removeprefix("msg."), "tot": "msg"}
    return {
        key: value for key, value in made.items() if key in ("t", "p", "pt", "to", "tot", "from", "fromt", "dc")
    }


def _old_change_rule(red: RedNode) -> dict[str, Any]:
    """Return the one rule of a node that was made before there were several."""
    action = red.text("action", "set")
    rule = {"t": "set" if action == "replace" else action, "p": red.text("property"), "to": red.text("to")}
    return _change_rule({**rule, "from": red.text("from"), "re": red.props.get("reg") is True})


def switch(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that sends a message to the outputs whose rules hold."""
    red = node.red
    rules = [_switch_rule(rule) for rule in red.items("rules")[:MOST_OUTPUTS]]
    for rule in rules:
        if rule.get("t") not in COMPARISONS:
            shop.note("byHand", f"The rule {shown(rule.get('t'))} is not known", node, name)
            rule["t"] = "false"
    fields = settings_of(red, property="payload", propertyType="msg", checkall="true")
    settings = {**fields, "rules": rules, "repair": red.flag("repair")}
    shop.program(name, "switch", node, settings, outputs=len(rules) or 1, expressions=list(_in_switch(red, rules)))
    return programmed(name, len(rules) or 1)


def _switch_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in rule.items() if key in ("t", "v", "vt", "v2", "v2t", "case")}
    for value, kind in (("v", "vt"), ("v2", "v2t")):
        if value in made and not made.get(kind):
            made[kind] = "num" if number_of(made[value], float("nan")) == number_of(made[value], 0) else "str"
    return made


def _in_switch(red: RedNode, rules: list[dict[str, Any]]) -> Iterator[str]:
    if red.text("propertyType") == "jsonata":
        yield red.text("property")
    for rule in rules:
        for value, kind in (("v", "vt"), ("v2", "v2t")):
            if rule.get(kind) == "jsonata" and isinstance(rule.get(value), str):
                yield rule[value]


def template(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that fills a template."""
    red = node.red
    settings = settings_of(red, field="payload", fieldType="msg", syntax="mustache", output="str", template="")
    if red.text("output") == "yaml":
        shop.note("byHand", "It makes YAML of its text; the text itself leaves", node, name)
    if "{{>" in red.text("template"):
        shop.note("byHand", "Its template has partials", node, name)
    shop.program(name, "template", node, settings, libraries=("mustache",))
    return programmed(name)


def range_(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that maps a number from one range to another."""
    fields = settings_of(node.red, "minin", "maxin", "minout", "maxout", action="scale", property="payload")
    shop.program(name, "range", node, {**fields, "round": node.red.flag("round")})
    return programmed(name)


def rbe(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that lets through what has changed."""
    fields = {"func": "rbe", "gap": "0", "start": "", "inout": "out", "property": "payload", "topi": "topic"}
    settings = {**settings_of(node.red, **fields), "septopics": node.red.props.get("septopics") is not False}
    shop.program(name, "rbe", node, settings)
    return programmed(name)


def json(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node between JSON text and values."""
    if shop.mentions("schema"):
        shop.note("byHand", "msg.schema is not looked at; a port of a component has a schema", node, name)
    shop.program(name, "json", node, settings_of(node.red, action="", property="payload", pretty=False))
    return programmed(name)


def csv(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node between CSV text and objects."""
    fields = {"sep": ",", "temp": "", "hdrin": False, "hdrout": "none", "multi": "one", "ret": "\\n", "skip": "0"}
    also = ("strings", "include_empty_strings", "include_null_values")
    shop.program(name, "csv", node, settings_of(node.red, *also, **fields))
    return programmed(name)
