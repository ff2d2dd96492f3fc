"""All built-in components: the specification's in its order, the platform's, steps of routines, and our own.

Programs of the platform show the beginning of a list, so what it does not know stands at the end.
"""

from collections.abc import Callable

import httpx

from engine.builtin.compute_arithmetic import ARITHMETIC
from engine.builtin.core_accumulator import ACCUMULATOR
from engine.builtin.core_debounce import DEBOUNCE
from engine.builtin.core_dedupe import DEDUPE
from engine.builtin.core_delay import DELAY
from engine.builtin.core_each import EACH
from engine.builtin.core_expressions import FILTER, MAP, SPLIT, ExpressionComponent
from engine.builtin.core_gather import GATHER
from engine.builtin.core_group import GROUP
from engine.builtin.core_join import JOIN_BY_KEY
from engine.builtin.core_logger import LOGGER
from engine.builtin.core_merge import MERGE
from engine.builtin.core_passthrough import PASSTHROUGH
from engine.builtin.core_throttle import THROTTLE
from engine.builtin.data_aggregate import AGGREGATE
from engine.builtin.data_base64 import BASE64
from engine.builtin.data_compress import COMPRESS
from engine.builtin.data_csv import CSV
from engine.builtin.data_enrich import ENRICH
from engine.builtin.data_hash import HASH
from engine.builtin.data_json_transform import json_transform
from engine.builtin.data_sample import SAMPLE
from engine.builtin.data_sequence import SEQUENCE
from engine.builtin.data_sort import SORT
from engine.builtin.data_template import TEMPLATE
from engine.builtin.data_validate import validate
from engine.builtin.data_xml import XML
from engine.builtin.io_http_request import http_request, open_client
from engine.builtin.io_plain import COLLECT, IO_DELAY, IO_LOG, IO_PASSTHROUGH
from engine.builtin.logic_filter_switch import FIELD_FILTER, SWITCH
from engine.builtin.routine_steps import ROUTINE_STEPS
from engine.builtin.sink_metric_log import sinks
from engine.builtin.source_generate import GENERATE
from engine.builtin.source_timer import TIMER
from engine.builtin.state_join import JOIN
from engine.builtin.state_latest import LATEST
from engine.builtin.state_rollup import ROLLUP
from engine.builtin.state_window import WINDOW
from engine.builtin.transform_map import FIELD_MAP
from engine.contracts.component import Component
from engine.contracts.reports import KeptSink, Sink
from workers.pool import Pool


def builtins(
    open_http_client: Callable[[], httpx.AsyncClient] = open_client,
    sink: Sink | None = None,
    workers: Pool | None = None,
) -> tuple[Component | ExpressionComponent, ...]:
    """Every component that a runtime offers by itself; expressions are still to be put into the sandbox.

    Args:
        open_http_client: opens the client of each instance of ``symbia.io.http-request``.
        sink: takes what ``symbia.sink.metric`` and ``symbia.sink.log`` report; one that counts when absent.
        workers: where work runs that cannot be sliced; without them it is refused.
    """
    return (
        PASSTHROUGH,
        LOGGER,
        DELAY,
        FILTER,
        MAP,
        MERGE,
        SPLIT,
        ACCUMULATOR,
        http_request(open_http_client),
        json_transform(workers),
        IO_PASSTHROUGH,
        COLLECT,
        IO_LOG,
        IO_DELAY,
        FIELD_MAP,
        FIELD_FILTER,
        SWITCH,
        ARITHMETIC,
        LATEST,
        JOIN,
        WINDOW,
        ROLLUP,
        TIMER,
        *sinks(sink or KeptSink()),
        *ROUTINE_STEPS,
        EACH,
        GATHER,
        GROUP,
        JOIN_BY_KEY,
        THROTTLE,
        DEBOUNCE,
        DEDUPE,
        TEMPLATE,
        CSV,
        XML,
        BASE64,
        HASH,
        COMPRESS,
        validate(workers),
        SAMPLE,
        SEQUENCE,
        SORT,
        AGGREGATE,
        ENRICH,
        GENERATE,
    )
