"""``symbia.sink.metric`` and ``symbia.sink.log``: what they report, and to whom."""

from typing import Any

import msgspec
import pytest

from engine.builtin.sink_metric_log import LABELS, sinks
from engine.contracts.component import Component
from engine.contracts.lanes import APOCRYPHAL, CANONICAL
from engine.contracts.reports import KEPT_SERIES, KeptSink, MetricPoint, ReportOrigin, SinkLine
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.builtin.harness import driven, places
from tests.engine.executions import document, node


class Recorder:
    """A sink that keeps everything, until it is closed."""

    def __init__(self) -> None:
        self.points: list[MetricPoint] = []
        self.lines: list[SinkLine] = []
        self.is_open = True

    def metric(self, point: MetricPoint) -> bool:
        self.points.append(point)
        return self.is_open

    def line(self, line: SinkLine) -> bool:
        self.lines.append(line)
        return self.is_open


def components(sink: Any) -> tuple[Component, Component]:
    metric, log = sinks(sink)
    return metric, log


async def test_a_number_is_reported_and_its_message_passes() -> None:
    """The sink hears name, number, labels and place; the log shows the latest value."""
    recorder = Recorder()
    config = {"name": "orders.total", "valueField": "out.result", "labels": {"region": "north"}}
    async with driven(components(recorder)[0], **config) as driver:
        first, second = await driver.send({"out": {"result": 1.5}}, {"out": {"result": "2"}})
    assert [(point.name, point.value, point.labels) for point in recorder.points] == [
        ("orders.total", 1.5, {"region": "north"}),
        ("orders.total", 2.0, {"region": "north"}),
    ]
    assert recorder.points[0].place == ReportOrigin("", "execution", "node")
    assert driver.values(first, second) == [{"out": {"result": 1.5}}, {"out": {"result": "2"}}]
    assert [line.message for line in first.logs] == ["orders.total = 1.5"]


@pytest.mark.parametrize("message", [{}, {"value": "many"}, {"value": None}, 5, {"value": {"a": 1}}])
async def test_what_is_no_number_is_not_reported(message: Any) -> None:
    """It is an error of its message, and nothing is written."""
    recorder = Recorder()
    async with driven(components(recorder)[0], name="m", strict=True) as driver:
        (outcome,) = await driver.send(message)
    assert outcome.error is not None
    assert (outcome.error.name, recorder.points) == ("NotNumeric", [])


async def test_a_line_is_reported_and_its_value_passes() -> None:
    """The sink hears level and text; so does the execution's log."""
    recorder = Recorder()
    async with driven(components(recorder)[1], level="warn", message="Order:") as driver:
        (outcome,) = await driver.send({"id": 1})
    assert [(line.level, line.message) for line in recorder.lines] == [("warn", 'Order: {"id":1}')]
    assert [(line.level, line.message) for line in outcome.logs] == [("warn", 'Order: {"id":1}')]
    assert driver.values(outcome) == [{"id": 1}]


@pytest.mark.parametrize("which", [0, 1])
async def test_what_the_sink_does_not_take_is_not_passed_off_as_written(which: int) -> None:
    """A sink that cannot take a report makes it an error."""
    recorder = Recorder()
    recorder.is_open = False
    async with driven(components(recorder)[which], **({"name": "m"} if which == 0 else {})) as driver:
        (outcome,) = await driver.send({"value": 1})
    assert outcome.error is not None
    assert outcome.error.name == "SinkUnavailable"


async def test_the_service_s_sink_hears_whose_graph_it_is() -> None:
    """Reports carry the graph's owner, the execution and the node, and the lane of what they show."""
    recorder = Recorder()
    nodes = {"m": node("symbia.sink.metric", config={"name": "n"}), "l": "symbia.sink.log"}
    async with open_runtime(sink=recorder) as runtime:
        loaded = await runtime.library.load_graph(document(nodes, ["m:out > l:in"]), owner="org-1")
        message = Injection("m", "in", msgspec.Raw(b'{"value": 7}'), "apocryphal")
        execution = await runtime.execute(loaded.id, ExecuteOptions(inputs=(message,)))
        finished = await runtime.execution(execution.id).wait_finished()
        logs = [(line.node_id, line.message) for line in runtime.execution(execution.id).logs()]
    assert finished.state is ExecutionState.COMPLETED
    assert recorder.points == [MetricPoint(ReportOrigin("org-1", execution.id, "m"), "n", 7.0, {}, APOCRYPHAL)]
    assert recorder.lines == [
        SinkLine(ReportOrigin("org-1", execution.id, "l"), "info", '{"value": 7}', APOCRYPHAL)
    ]
    assert logs == [("m", "n = 7.0"), ("l", '{"value": 7}')]


def test_the_default_sink_counts_and_keeps_the_latest_within_bounds() -> None:
    """It keeps one value a series, and of no more series than it may."""
    sink = KeptSink()
    place = ReportOrigin("", "e", "n")
    for number in range(KEPT_SERIES + 5):
        assert sink.metric(MetricPoint(place, f"s{number}", 1.0, {}, CANONICAL))
    assert sink.metric(MetricPoint(place, "s0", 2.0, {}, CANONICAL))
    assert sink.line(SinkLine(place, "info", "x", CANONICAL))
    assert (sink.points, sink.lines, len(sink.latest)) == (KEPT_SERIES + 6, 1, KEPT_SERIES)
    assert sink.latest["", "s0"] == 2.0


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"name": "", "strict": True}, ["name"]),
        ({"name": "n" * 201}, ["name"]),
        ({"name": "n", "labels": {"a": [1], "b": "x", "c" * 201: 1}}, ["labels.a", f"labels.{'c' * 201}"]),
        ({"name": "n", "labels": {str(n): 1 for n in range(LABELS + 1)}}, ["labels"]),
    ],
)
async def test_a_wrong_name_refuses_the_graph(config: dict[str, Any], expected: list[str]) -> None:
    """Series and labels have names of a sensible length, and there are not too many labels."""
    assert await places(components(Recorder())[0], **config) == expected
