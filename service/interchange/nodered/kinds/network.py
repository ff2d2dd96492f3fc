"""HTTP nodes: a graph is not a web server, so requests enter by its ingress, and answers are its results."""

import re
from collections.abc import Sequence
from typing import Any

from service.interchange.nodered.draft import Draft, Workshop, port_name
from service.interchange.nodered.expansion import FlatNode
from service.interchange.notes import shown

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

_TAG = re.compile(r"\{\{\{?&?\s*([\w.$\-\[\]]+)\s*\}?\}\}")
_HOST = re.compile(r"https?://[^/{}?#]+(?=[/?#]|$)", re.IGNORECASE)

TIMEOUT_MS = 120_000
"""The time that Node-RED gives a request."""


def http_in(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node at which requests of one kind come in, from the entry that all of them share."""
    if node.red.flag("upload"):
        shop.note("byHand", "It takes uploaded files; a message is JSON", node, name)
    shop.note(
        "approximated", "Requests come by the graph's ingress, as {req: {method, url, ...}, payload}", node, name
    )
    shop.add(name, "symbia.core.passthrough")
    return Draft(entry=(name, "in"), outputs=[(name, "out")])


def add_entry(shop: Workshop, routes: Sequence[tuple[str, FlatNode]]) -> str:
    """Add the entry of all ``http in`` nodes, which are given with their names; return its own name."""
    name = shop.beside("http", "entry")
    table = [
        {"method": node.red.text("method", "get").lower(), "url": node.red.text("url", "/")} for _, node in routes
    ]
    first = routes[0][1]
    shop.program(name, "http-entry", first, {"routes": table}, outputs=len(routes))
    for index, (target, _) in enumerate(routes):
        shop.connect((name, port_name(index, len(routes))), (target, "in"))
    return name


def http_response(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a node whose result is the answer: ``{statusCode, headers, payload}``."""
    headers = node.red.props.get("headers")
    settings = {
        "statusCode": node.red.text("statusCode"),
        "headers": headers if isinstance(headers, dict) else {},
    }
    shop.program(name, "http-response", node, settings)
    message = f"The answer is the result {{statusCode, headers, payload}} at {name}:out"
    shop.note("approximated", message, node, name)
    return Draft(entry=(name, "in"), errors=[(name, "error")], complete=(name, "complete"), program=name)


def http_request(node: FlatNode, shop: Workshop, name: str) -> Draft:
    """Make a request, and around it what keeps the message until the answer is there."""
    red = node.red
    method = red.text("method", "GET").upper()
    if method not in METHODS:
        what = "is what msg.method says" if method == "USE" else f"is {shown(method)}"
        shop.note("byHand", f"The method {what}; put the one that is meant into the node", node, name)
        method = "GET"
    sends_payload = method in ("POST", "PUT", "PATCH")
    if method == "GET" and red.text("paytoqs") in ("query", "body"):
        shop.note(
            "byHand",
            "Its payload becomes the query of the URL; write it into the URL as {payload.field}",
            node,
            name,
        )
    for key in ("authType", "tls", "proxy"):
        if red.text(key):
            shop.note("byHand", f"Its {key} is not carried over; secrets are not in the file", node, name)
    if red.text("ret") == "bin":
        shop.note("byHand", "It makes a Buffer of the answer; here it is a string in base64", node, name)
    config: dict[str, Any] = {
        "url": _url(node, shop, name, sends_payload=sends_payload),
        "method": method,
        "headers": _headers(node, shop, name),
        "timeoutMs": min(max(red.number("reqTimeout", TIMEOUT_MS) or TIMEOUT_MS, 1), 300_000),
    }
    if sends_payload:
        message = "A payload that is text is sent as JSON, in quotes; an object is sent as it was"
        shop.note("approximated", message, node, name)
    elif method not in ("GET", "HEAD"):
        config["body"] = None
        shop.note("approximated", f"A {method} is sent without a body", node, name)
    request = shop.add(shop.beside(name, "request"), "symbia.io.http-request", config)
    pair = shop.add(shop.beside(name, "pair"), "symbia.core.merge", {"mode": "zip", "inputs": ["a", "b"]})
    answer = shop.beside(name, "answer")
    shop.program(name, "http-ask", node, {"sendsPayload": sends_payload}, also=("msg",))
    shop.program(answer, "http-answer", node, {"ret": red.text("ret", "txt"), "senderr": red.flag("senderr")})
    shop.connect((name, "msg"), (pair, "a"))
    shop.connect((name, "out"), (request, "in"))
    shop.connect((request, "out"), (pair, "b"))
    shop.connect((request, "error"), (pair, "b"))
    shop.connect((pair, "out"), (answer, "in"))
    if shop.mentions("headers"):
        shop.note("approximated", "msg.headers is not looked at: the headers are those of the node", node, name)
    return Draft(
        entry=(name, "in"),
        outputs=[(answer, "out")],
        errors=[(name, "error"), (answer, "error")],
        complete=(answer, "complete"),
        program=answer,
    )


def _url(node: FlatNode, shop: Workshop, name: str, *, sends_payload: bool) -> str:
    """Return the URL with our placeholders; what they stand for is the payload, where that is what is sent."""
    url = node.red.text("url").strip()
    if url and "://" not in url:
        url = f"http://{url}"
    fields = _TAG.findall(url)
    made = _TAG.sub(lambda tag: "{" + (tag[1].removeprefix("payload.") if sends_payload else tag[1]) + "}", url)
    wrong = [field for field in fields if sends_payload and not field.startswith("payload.")]
    if not _HOST.match(url):
        where = "The address is in msg.url" if not url else f"The host of {shown(url)} is not fixed"
        shop.note("byHand", f"{where}; put the address into the node's url", node, name)
        return "https://example.com/"
    if wrong:
        message = f"Its URL has {shown(', '.join(wrong))}; with a body only fields of the payload can be filled in"
        shop.note("byHand", message, node, name)
    return made


def _headers(node: FlatNode, shop: Workshop, name: str) -> dict[str, str]:
    made = {}
    for item in node.red.items("headers"):
        key = item.get("keyValue") if item.get("keyType") == "other" else item.get("keyType")
        value = item.get("valueValue") if item.get("valueType") == "other" else item.get("valueType")
        if (
            isinstance(key, str)
            and isinstance(value, str)
            and item.get("valueType") not in ("msg", "flow", "global")
        ):
            made[key] = value
        elif key or value:
            shop.note("byHand", f"The header {shown(key)} is not a fixed text", node, name)
    return made
