"""Delay and trigger nodes. A component has no clock that wakes it, so what waits, waits in a delay of ours."""

from service.interchange.nodered.draft import Draft, Workshop, programmed
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.flows import RedNode
from service.interchange.nodered.kinds.basics import settings_of

LONGEST_MS = 3_600_000
"""The longest delay of ``symbia.core.delay``."""

_UNITS = {
    "nanoseconds": 1e-6,
    "microseconds": 1e-3,
    "milliseconds": 1,
    "ms": 1,
    "millis": 1,
    "second": 1_000,
    "seconds": 1_000,
    "s": 1_000,
    "minute": 60_000,
    "minutes": 60_000,
    "min": 60_000,
    "hour": 3_600_000,
    "hours": 3_600_000,
    "hr": 3_600_000,
    "day": 86_400_000,
    "days": 86_400_000,
}


def delay(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a delay, or a limit of the rate."""
    red = node.red
    kind = red.text("pauseType", "delay")
    if shop.mentions("reset", "flush"):
        message = "msg.reset and msg.flush are not looked at: what waits goes on waiting"
        shop.note("approximated", message, node, name)
    if kind in ("rate", "queue", "timed"):
        return _rate(node, shop, name, kind)
    ms = red.number("timeout", 5) * _UNITS.get(red.text("timeoutUnits", "seconds"), 1_000)
    if kind == "random":
        unit = _UNITS.get(red.text("randomUnits", "seconds"), 1_000)
        ms = (red.number("randomFirst", 1) + red.number("randomLast", 5)) / 2 * unit
        shop.note("approximated", f"It waits a random time; here it is always {ms:g} ms", node, name)
    elif kind == "delayv":
        message = f"It waits as long as msg.delay says; here it is always {ms:g} ms"
        shop.note("approximated", message, node, name)
    shop.add(name, "symbia.core.delay", {"ms": _bounded(ms, node, shop, name)})
    return Draft(entry=(name, "in"), outputs=[(name, "out")], errors=[(name, "error")])


def _bounded(ms: float, node: FlatNode, shop: Workshop, name: str) -> float:
    if ms > LONGEST_MS:
        shop.note("approximated", f"It waits {ms:g} ms; a delay is at most {LONGEST_MS} ms", node, name)
    return min(max(ms, 0), LONGEST_MS)


def _rate(node: FlatNode, shop: Workshop, name: str, kind: str) -> Draft:
    """Make a limit of the rate: what is too much waits, is dropped, or leaves by the second output."""
    red = node.red
    unit = _UNITS.get(red.text("rateUnits", "second"), 1_000) * (red.number("nbRateUnits", 1) or 1)
    ms = _bounded(unit / (red.number("rate", 1) or 1), node, shop, name)
    if kind == "timed":
        message = f"It sends the newest message of each topic every {ms:g} ms; here messages pass at once"
        shop.note("byHand", message, node, name)
        shop.add(name, "symbia.core.passthrough")
        return Draft(entry=(name, "in"), outputs=[(name, "out")])
    if kind == "queue":
        message = f"Topics take turns at one message every {ms:g} ms; here each topic has that rate for itself"
        shop.note("approximated", message, node, name)
    if red.flag("allowrate"):
        shop.note("approximated", f"msg.rate is not looked at: it is always {ms:g} ms", node, name)
    drops = kind == "rate" and red.flag("drop")
    config = {"count": 1, "intervalMs": max(ms, 1), "excess": "drop" if drops else "wait"}
    shop.add(name, "symbia.core.throttle", {**config, **({"key": "topic"} if kind == "queue" else {})})
    return Draft(entry=(name, "in"), outputs=[(name, "out"), (name, "dropped")], errors=[(name, "error")])


def trigger(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node that sends a first message, a delay for the second one, and a node that lets that out."""
    red = node.red
    duration = red.number("duration", 250)
    ms = abs(duration) * _UNITS.get(red.text("units", "ms"), 1)
    if duration < 0:
        message = f"It goes on sending every {ms:g} ms until it is reset; here it sends once"
        shop.note("byHand", message, node, name)
    if red.flag("overrideDelay"):
        shop.note("approximated", f"msg.delay is not looked at: it is always {ms:g} ms", node, name)
    settings = {
        **settings_of(red, bytopic="all", op1="1", op2="0", reset="", topic="topic"),
        "op1type": _kind(red, "op1"),
        "op2type": "nul" if duration < 0 else _kind(red, "op2"),
        "extends": red.flag("extend"),
        "ms": -1 if duration < 0 else _bounded(ms, node, shop, name),
    }
    expressions = [red.text(key) for key in ("op1", "op2") if settings[f"{key}type"] == "jsonata"]
    shop.program(
        name,
        "trigger",
        node,
        settings,
        libraries=("mustache",),
        also=("later", "newest"),
        expressions=expressions,
    )
    outputs = 2 if red.number("outputs", 1) == 2 or len(red.wires) > 1 else 1
    draft = programmed(name)
    if ms and settings["op2type"] != "nul":
        ending = _ending(node, shop, name, settings["ms"])
        draft.outputs = [(name, "out"), (ending, "out")] if outputs == 2 else [(name, "out")]
        if outputs == 1:
            gate = shop.add(shop.beside(name, "out"), "symbia.core.passthrough")
            shop.connect((name, "out"), (gate, "in"))
            shop.connect((ending, "out"), (gate, "in"))
            draft.outputs = [(gate, "out")]
    elif outputs == 2:
        draft.outputs = [(name, "out")]
    return draft


def _ending(node: FlatNode, shop: Workshop, name: str, ms: float) -> str:
    waiter = shop.add(shop.beside(name, "wait"), "symbia.core.delay", {"ms": ms})
    ending = shop.beside(name, "end")
    shop.program(ending, "trigger-end", node, {}, inputs=("later", "newest"))
    shop.connect((name, "newest"), (ending, "newest"))
    shop.connect((name, "later"), (waiter, "in"))
    shop.connect((waiter, "out"), (ending, "later"))
    return ending


def _kind(red: RedNode, key: str) -> str:
    """Return the type of one of a trigger's two values; ``val`` is how old ones say true, null or a text."""
    kind = red.text(f"{key}type", "str")
    if kind != "val":
        return kind
    return {"true": "bool", "false": "bool", "null": "null"}.get(red.text(key), "str")
