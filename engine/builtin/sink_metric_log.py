"""``symbia.sink.metric`` and ``symbia.sink.log`` report what they are sent, and let it go on.

Where the reports go is the service's business: it gives the engine a sink (``engine.contracts.reports``). Each
report is a line of the execution's log as well, so that whoever looks at the execution sees the latest values.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.builtin.core_logger import LOGGED_PREFIX_LIMIT_CHARACTERS, shown
from engine.builtin.declare import declare, error_port, port
from engine.builtin.io_plain import LEVELS, level_of, prefix_of
from engine.builtin.parts.fields import Field
from engine.builtin.parts.javascript_values import to_text
from engine.builtin.parts.json_path import Document, Names
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import coerced, entries, given, got, walked
from engine.builtin.parts.refusal import RefusedError, UnavailableError
from engine.contracts.component import Component
from engine.contracts.handler import Handler, InstanceContext, LogLine, Message, Outcome
from engine.contracts.lanes import NAMES
from engine.contracts.reports import MetricPoint, ReportOrigin, Sink, SinkLine
from engine.documents.problem_report import shown as cited
from proto.codec import encode
from proto.component import ConfigField
from proto.json_text import MAX_DEPTH
from proto.problem import Problem

LABELS = 20
"""Labels of one series. Each value of each multiplies the series."""

NAME_LIMIT_CHARACTERS = 200
"""Characters of a series, of a label and of its value."""

METRIC_DEFINITION = declare(
    "symbia.sink.metric",
    "Metric Sink",
    "Reports a number of every message as a metric, and forwards the message.",
    inputs=(port("in", "An object with a number."),),
    outputs=(
        port("out", "The same value, once its number was taken."),
        error_port("A message without a number, or one that could not be taken, with the message."),
    ),
    config={
        "name": ConfigField(
            type="string",
            description=f"Name of the series, at most {NAME_LIMIT_CHARACTERS} characters.",
            required=True,
        ),
        "valueField": ConfigField(
            type="string",
            description="The field that holds the number; a dotted path such as `out.result` reaches inside.",
            default="value",
        ),
        "strict": strict_field(
            "Only numbers and texts that say one count; a field of exactly the name goes before the path; what "
            "names no series refuses the graph."
        ),
        "labels": ConfigField(
            type="object",
            description=f"Labels of the series, at most {LABELS}, with strings, numbers or booleans for values.",
            default={},
        ),
    },
    stateless=True,
)

LOG_DEFINITION = declare(
    "symbia.sink.log",
    "Log Sink",
    "Writes every value to the log of the service that keeps logs, and forwards it unchanged.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "The same value, once its line was taken."),
        error_port("A value whose line could not be taken."),
    ),
    config={
        "level": ConfigField(type="string", description="Severity of the lines.", default="info", enum=LEVELS),
        "message": ConfigField(
            type="string",
            description=f"Text before each value; at most {LOGGED_PREFIX_LIMIT_CHARACTERS} characters are shown.",
            default="",
        ),
    },
    stateless=True,
)


class MetricBuiltin(PlatformBuiltin):
    """The metric component, which checks the names: a schema cannot."""

    def strict_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if config["name"]:
            return self.bound_problems(config)
        message = f"A series is named by 1 to {NAME_LIMIT_CHARACTERS} characters"
        return [Problem("config.invalid", "name", message), *self.bound_problems(config)]

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        name, labels = to_text(given(config, "name", "")), entries(config["labels"])
        problems = []
        if len(name) > NAME_LIMIT_CHARACTERS:
            message = f"A series is named by 1 to {NAME_LIMIT_CHARACTERS} characters"
            problems.append(Problem("config.invalid", "name", message))
        if len(labels) > LABELS:
            message = f"A series has at most {LABELS} labels, and {len(labels)} are given"
            return [*problems, Problem("config.invalid", "labels", message)]
        for label, value in labels.items():
            is_scalar = isinstance(value, str | int | float)
            text = cited(value, NAME_LIMIT_CHARACTERS + 1) if is_scalar else ""
            if not is_scalar or max(len(label), len(text)) > NAME_LIMIT_CHARACTERS:
                message = f"A label is a string, number or boolean of at most {NAME_LIMIT_CHARACTERS} characters"
                problems.append(Problem("config.invalid", f"labels.{label}", message))
        return problems


class PlatformPath:
    """The way to a number as the platform's sink goes it: always by the dots, and through arrays, too."""

    def __init__(self, name: Any) -> None:
        self._name = to_text(name)
        self._names = tuple(self._name.split(".", MAX_DEPTH))

    @property
    def paths(self) -> tuple[Names, ...]:
        """The path to look for."""
        return (self._names,)

    def number(self, message: Document) -> float:
        """Return the number that JavaScript makes of what stands at the end.

        Raises:
            RefusedError: it makes none, or an infinite one.
        """
        text = message.find(self._names)
        if text is None and b"[" in message.text:
            text = walked(message.text, self._names)
        number = coerced(text)
        if not math.isfinite(number):
            raise RefusedError("NotNumeric", f'valueField "{self._name}" is not numeric', **got(text))
        return number


class MetricSink(OneByOne):
    """One series, and the field that its numbers stand in."""

    def __init__(self, sink: Sink, context: InstanceContext) -> None:
        config = context.config
        name = given(config, "valueField", "value")
        self._sink = sink
        self._place = _place(context)
        self._name = to_text(given(config, "name", ""))
        self._labels = dict(entries(config["labels"]))
        self._field = Field(name) if is_strict(config) else PlatformPath(name)
        super().__init__((self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        if not self._name:
            raise RefusedError("NameMissing", "config.name is required")
        number = self._field.number(document)
        point = MetricPoint(self._place, self._name, float(number), self._labels, message.lane)
        if not self._sink.metric(point):
            raise UnavailableError("SinkUnavailable", f"the metric {self._name} could not be written")
        meta = encode({"metric": self._name, "value": number, "labels": self._labels})
        return Outcome(((0, message.value),), (LogLine("info", f"{self._name} = {number}", meta),))


class LogSink(OneByOne):
    """A level, and a text before each value."""

    def __init__(self, sink: Sink, context: InstanceContext) -> None:
        self._sink = sink
        self._place = _place(context)
        self._mask = context.mask
        self._level = level_of(context.config["level"])
        prefix = prefix_of(context.config["message"])[:LOGGED_PREFIX_LIMIT_CHARACTERS]
        self._prefix = f"{prefix} " if prefix else ""
        super().__init__()

    def take(self, message: Message, _document: Document) -> Outcome:
        text = self._prefix + shown(message.value if self._mask is None else self._mask.json(message.value))
        if not self._sink.line(SinkLine(self._place, self._level, text, message.lane)):
            raise UnavailableError("SinkUnavailable", "the line could not be written")
        meta = encode({"lane": NAMES[message.lane]})
        return Outcome(((0, message.value),), (LogLine(self._level, text, meta),))


def _place(context: InstanceContext) -> ReportOrigin:
    return ReportOrigin(context.owner, context.execution_id, context.node_id)


def sinks(sink: Sink) -> tuple[Component, ...]:
    """Return the components that report to ``sink``."""

    def make_metric(context: InstanceContext) -> Handler:
        return MetricSink(sink, context)

    def make_log(context: InstanceContext) -> Handler:
        return LogSink(sink, context)

    return MetricBuiltin(METRIC_DEFINITION, make_metric), PlatformBuiltin(LOG_DEFINITION, make_log)
