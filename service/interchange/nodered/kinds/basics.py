"""Inject, debug and function nodes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.interchange.nodered.code import missing_in
from service.interchange.nodered.draft import Draft, Workshop, program_text, programmed
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.flows import RedNode
from service.interchange.notes import shown

SHORTEST_MS = 100
LONGEST_MS = 86_400_000
"""The bounds of a timer's interval (docs/components.md)."""

NODE_RED_ONCE_SECONDS = 0.1
"""The delay of an inject node that fires at the start, where its author has set none."""

GLOBALS = "node, RED, setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, require"


def inject(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make an entry that has its message ready; a timer beats it where it repeats, and so does the start."""
    red = node.red
    props = _props(red)
    seconds = red.number("repeat")
    delay = red.number("onceDelay", NODE_RED_ONCE_SECONDS)
    is_once = red.flag("once")
    starts_itself = is_once and delay <= 1
    expressions = [item["v"] for item in props if item.get("vt") == "jsonata" and isinstance(item.get("v"), str)]
    settings = {"props": props, **({"once": True} if starts_itself else {})}
    shop.program(name, "inject", node, settings, inputs=("in", "tick"), expressions=expressions)
    if is_once and not starts_itself:
        _start_later(delay, shop, name)
    if seconds > 0:
        _repeat(seconds, node, shop, name)
    elif red.text("crontab"):
        times = shown(red.text("crontab"))
        message = f"It fires at certain times ({times}); inject into {name}:in at these times from outside"
        shop.note("byHand", message, node, name)
    draft = programmed(name)
    draft.status = None
    return draft


def _props(red: RedNode) -> list[dict[str, Any]]:
    """Return the properties that it sets, in the one form that the program reads."""
    old = {"payload": (red.props.get("payload", ""), red.text("payloadType", "date"))}
    old["topic"] = (red.props.get("topic", ""), "str")
    if not isinstance(red.props.get("props"), list):
        return [{"p": key, "v": value, "vt": kind} for key, (value, kind) in old.items()]
    made = []
    for item in red.items("props"):
        prop = {key: value for key, value in item.items() if key in ("p", "v", "vt")}
        if item.get("p") in old and "v" not in item:
            value, kind = old[str(item["p"])]
            prop |= {"v": value, "vt": kind if item["p"] == "payload" else item.get("vt", "str")}
        made.append(prop)
    return made


def _start_later(delay: float, shop: Workshop, name: str) -> None:
    starter = shop.beside(name, "start")
    shop.define("nodered.start", "Node-RED: start", program_text("start"))
    shop.components["nodered.start"]["config"] = {"value": {"type": "any", "description": "What is sent."}}
    shop.components["nodered.start"]["ports"] = {"inputs": ["in"], "outputs": ["out"]}
    shop.add(starter, "nodered.start", {"value": {}})
    waiter = shop.add(shop.beside(name, "wait"), "symbia.core.delay", {"ms": min(delay * 1000, 3_600_000)})
    shop.connect((starter, "out"), (waiter, "in"))
    shop.connect((waiter, "out"), (name, "tick"))


def _repeat(seconds: float, node: FlatNode, shop: Workshop, name: str) -> None:
    interval = min(max(seconds * 1000, SHORTEST_MS), LONGEST_MS)
    if interval != seconds * 1000:
        message = f"It repeats every {seconds:g} s; a timer beats every {interval / 1000:g} s"
        shop.note("approximated", message, node, name)
    add_timer(shop, name, interval)


def add_timer(shop: Workshop, name: str, interval_ms: float) -> None:
    """Add a timer that beats at the port ``tick`` of a node."""
    timer = shop.add(shop.beside(name, "timer"), "symbia.source.timer", {"intervalMs": interval_ms})
    shop.connect((timer, "out"), (name, "tick"))


def debug(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that shows what comes: in the log, and as a result of the graph."""
    red = node.red
    if red.props.get("active") is False:
        shop.note("leftOut", "It is switched off", node)
        return Draft()
    is_expression = red.text("targetType") == "jsonata"
    complete = red.props.get("complete", "payload")
    settings = {"complete": "true" if complete is True else red.text("complete", "payload")}
    settings |= {"targetType": "jsonata"} if is_expression else {}
    shop.program(name, "debug", node, settings, expressions=[settings["complete"]] if is_expression else [])
    return Draft(entry=(name, "in"), errors=[(name, "error")], complete=(name, "complete"), program=name)


def function(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a component of the node's own, with its code in it."""
    red = node.red
    outputs = max(int(min(red.number("outputs", 1), 90)), len(red.wires), 0)
    component = f"nodered.{shop.slug}.{name}"
    wrong = shop.unusable.get(component, "")
    if wrong:
        shop.note("byHand", f"Its code is no program ({shown(wrong)}); it refuses each message", node, name)
    source = function_source(red, wrong)
    shop.define(component, f"Node-RED: {red.name or 'function'}", source, outputs=outputs)
    shop.components[component]["description"] = f"The function node {red.name or red.id}, with its code."[:200]
    settings = {"id": node.key, "type": red.type, "outputs": outputs, "tells": [], "name": red.name}
    shop.add(name, component, {"settings": {**settings, **({"env": dict(node.env)} if node.env else {})}})
    remedies = {remedy for part in ("func", "initialize", "finalize") for remedy in missing_in(red.text(part))}
    for remedy in sorted(remedies):
        shop.note("byHand", f"Its code asks for more than is there: {remedy}", node, name)
    for library in red.items("libs"):
        message = f"It uses the module {shown(library.get('module', ''))}: put what it needs of it into its code"
        shop.note("byHand", message, node, name)
    if red.number("timeout") > 0:
        message = "Its timeout is not carried over: each call has the component's bounds of time"
        shop.note("approximated", message, node, name)
    return programmed(name, outputs) if outputs else _without_outputs(name)


def _without_outputs(name: str) -> Draft:
    draft = programmed(name)
    draft.outputs = []
    return draft


def function_source(red: RedNode, wrong: str = "") -> str:
    """Return the source of a function node's component: its code as it stands, and the adapter behind it.

    The code stands in functions of its own, outside of the adapter, so it sees nothing of that but its globals.
    """
    names = {"onMessage": "func", "onStart": "initialize", "onStop": "finalize"}
    parameters = {"onMessage": "msg, context, flow, global, env, send, done, __msgid__"}
    parts = []
    for name, field in names.items():
        head = f"async function {name}({parameters.get(name, 'context, flow, global, env')}) {{"
        body = _refusing(red.text(field), wrong) if wrong and field == "func" else _body(red.text(field), wrong)
        parts.append(f"{head}{body}}}")
    adapter = f"{program_text('adapter')}\n{program_text('function')}"
    ending = f"const {{ handler, {GLOBALS} }} = (() => {{\n{adapter}\nreturn {{ handler, {GLOBALS} }};\n}})();\n"
    return "\n".join([*parts, ending])


def _body(code: str, wrong: str) -> str:
    return f"\n{code}\n" if code.strip() and not wrong else ""


def _refusing(code: str, wrong: str) -> str:
    """Return code that refuses each message, with the author's own, which is no program, in comments."""
    kept = "\n".join(f"// {line}" for line in code.splitlines())
    message = msgspec.json.encode(f"This code is no program: {wrong}").decode()
    return f"\nthrow new Error({message});\n{kept}\n"


def settings_of(red: RedNode, *keys: str, **defaults: Any) -> Mapping[str, Any]:
    """Return the fields that a program reads, with defaults for those that are absent."""
    return {**defaults, **{key: red.props[key] for key in (*keys, *defaults) if key in red.props}}
