"""Processors of Benthos: each becomes a node or some of ours, or a place that somebody has to fill. Pure."""

from collections.abc import Callable, Mapping

from service.interchange.benthos.bloblang import expression_of, field_of, filter_of, value_of
from service.interchange.benthos.config import Part, is_duration, milliseconds
from service.interchange.benthos.line import Line
from service.interchange.nodered.flows import number_of

LONGEST_MS = 3_600_000
"""The longest delay, and the longest interval of a rate (docs/components.md)."""

OTHERWISE = "write a component for it (docs/sandbox.md)"

_LEVELS = {"TRACE": "debug", "DEBUG": "debug", "INFO": "info", "WARN": "warn", "ERROR": "error", "FATAL": "error"}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_INTERPOLATION = "${!"


def log(part: Part, line: Line) -> None:
    """Log each message; what the message is to be made of is not filled in."""
    message = part.text("message")
    if _INTERPOLATION in message:
        line.note("approximated", "Its text is shown as it stands, and the message behind it", part)
        message = message.split(_INTERPOLATION)[0].strip()
    line.add(
        part, "symbia.core.logger", level=_LEVELS.get(str(part.field("level")).upper(), "info"), message=message
    )


def mapping(part: Part, line: Line) -> None:
    """Make a filter, or an expression, where the mapping is as small as that."""
    text = part.settings if isinstance(part.settings, str) else ""
    predicate, value = filter_of(text), value_of(text)
    if predicate is not None:
        line.add(part, "symbia.core.filter", predicate=predicate)
    elif value is not None:
        line.add(part, "symbia.core.map", expression=value)
    else:
        line.by_hand(part, "write what it says in Bloblang as an expression of symbia.core.map, or as a component")


def jmespath(part: Part, line: Line) -> None:
    """Find what an expression finds."""
    if part.text("query"):
        line.add(part, "symbia.data.json-transform", path=part.text("query"))
    else:
        line.by_hand(part, "it has no query")


def dedupe(part: Part, line: Line) -> None:
    """Let each key through once."""
    key = part.text("key")
    field = field_of(key) if key else ""
    if field is None:
        line.by_hand(part, "its key is an interpolation; symbia.core.dedupe takes a field")
        return
    line.note("approximated", "It remembers by itself, and not in a cache that others share", part)
    line.add(part, "symbia.core.dedupe", key=field)


def sleep(part: Part, line: Line) -> None:
    """Hold each message for a time."""
    if not is_duration(part.field("duration")):
        line.by_hand(part, "its duration is reckoned for each message; symbia.core.delay has one for all")
        return
    ms = milliseconds(part.text("duration"))
    line.note("approximated", "Messages that come together wait together, and not one after another", part)
    line.add(part, "symbia.core.delay", ms=min(ms, LONGEST_MS))


def rate_limit(part: Part, line: Line) -> None:
    """Let so many through in a time, as the resource says."""
    resource = line.resource("rate_limit_resources", part.text("resource"))
    if resource is None or resource.kind != "local":
        line.by_hand(part, "its resource is not in the file, or is no local one")
        return
    count = int(min(max(number_of(resource.field("count"), 1_000), 1), 1_000))
    ms = min(max(milliseconds(resource.field("interval"), 1_000), 1), LONGEST_MS)
    line.add(part, "symbia.core.throttle", count=count, intervalMs=ms)


def http(part: Part, line: Line) -> None:
    """Ask a server; the answer's content is the message."""
    url, verb = part.text("url"), str(part.field("verb", "POST")).upper()
    if _INTERPOLATION in url or not url.startswith(("http://", "https://")) or verb not in _METHODS:
        line.by_hand(
            part, "its address or its method is not fixed; symbia.io.http-request has {field} behind the host"
        )
        return
    headers = part.field("headers")
    fixed = (
        {key: value for key, value in headers.items() if isinstance(value, str)}
        if isinstance(headers, dict)
        else {}
    )
    retries = int(min(max(number_of(part.field("retries"), 3), 0), 99))
    if any(key in part.settings for key in ("oauth", "oauth2", "basic_auth", "jwt", "tls")):
        line.note("byHand", "Its credentials are not carried over", part)
    line.add(
        part,
        "symbia.io.http-request",
        url=url,
        method=verb,
        headers=fixed,
        timeoutMs=min(max(milliseconds(part.field("timeout"), 5_000), 1), 300_000),
        strict=True,
        node={"onError": "retry", "retry": {"maxAttempts": retries + 1}} if retries else {},
    )
    line.add(part, "symbia.core.map", expression="value.data")


def unarchive(part: Part, line: Line) -> None:
    """Send the items of an array one by one."""
    if part.text("format") == "json_array":
        line.add(part, "symbia.core.each")
    else:
        line.by_hand(part, "write a component that takes the format apart")


def metric(part: Part, line: Line) -> None:
    """Report a number."""
    value = part.text("value")
    if part.text("type").startswith("counter") and not value:
        line.by_hand(part, "the node's own figures count its messages (docs/operations.md)")
        return
    field = field_of(value)
    if not field or not part.text("name"):
        line.by_hand(part, "its value is an interpolation; symbia.sink.metric takes a field")
        return
    labels = part.field("labels")
    fixed = {key: text for key, text in labels.items() if _is_fixed(text)} if isinstance(labels, dict) else {}
    if isinstance(labels, dict) and len(fixed) < len(labels):
        line.note("approximated", "Labels that each message fills in are left away", part)
    line.add(
        part,
        "symbia.sink.metric",
        name=part.text("name")[:200],
        valueField=field,
        labels=dict(list(fixed.items())[:20]),
    )


def _is_fixed(text: object) -> bool:
    return isinstance(text, str) and _INTERPOLATION not in text


def noop(part: Part, line: Line) -> None:
    """Do nothing."""
    line.note("carried", "It does nothing, and has no node", part)


def switch(part: Part, line: Line) -> None:
    """Send each message through the processors of the first case whose check holds, and then on."""
    cases = [case for case in part.settings if isinstance(case, dict)] if isinstance(part.settings, list) else []
    checks = [expression_of(str(case["check"])) if case.get("check") else "true" for case in cases]
    if not cases or None in checks or any(case.get("fallthrough") for case in cases):
        line.by_hand(
            part, "its checks say more than paths, literals and comparisons; symbia.core.split has a condition"
        )
        return
    line.branches(part, [(str(check), case.get("processors")) for check, case in zip(checks, cases, strict=True)])


def row(part: Part, line: Line) -> None:
    """Put the processors inside in a row."""
    line.row(part.settings, f"{part.path}.{part.kind}")


def catch(part: Part, line: Line) -> None:
    """Send what has failed before through the processors inside, and on with the others."""
    line.catch(part)


CONVERTERS: Mapping[str, Callable[[Part, Line], None]] = {
    "log": log,
    "mapping": mapping,
    "bloblang": mapping,
    "mutation": mapping,
    "jmespath": jmespath,
    "dedupe": dedupe,
    "sleep": sleep,
    "rate_limit": rate_limit,
    "http": http,
    "unarchive": unarchive,
    "metric": metric,
    "noop": noop,
    "switch": switch,
    "try": row,
    "for_each": row,
    "catch": catch,
}
"""Converters by the type of the processor; whatever is not here is by hand."""


def convert(part: Part, line: Line) -> None:
    """Put a processor at the end of a line."""
    resource = line.resource("processor_resources", part.settings) if part.kind == "resource" else None
    meant = resource or part
    converter = CONVERTERS.get(meant.kind)
    if converter is None:
        line.by_hand(meant, OTHERWISE)
    else:
        converter(meant, line)
