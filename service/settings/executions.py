"""Settings of executions: how many there may be, what they may hold, and how they end."""

from typing import Annotated

import msgspec

from service.settings.kinds import SWITCH, Setting, whole_number

_MAX_COUNT = 10_000_000
_WEEK_MS = 7 * 24 * 3600 * 1000


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and ways of executions."""

    max_concurrent: Annotated[
        int,
        Setting(
            "MAX_CONCURRENT_EXECUTIONS",
            whole_number(1, 100_000),
            "Executions that may be under way at once; one more is refused with status 409.",
        ),
    ] = 100
    default_timeout_ms: Annotated[
        float,
        Setting(
            "DEFAULT_EXECUTION_TIMEOUT",
            whole_number(0, _WEEK_MS, "milliseconds, 0 for no limit"),
            "Wall time after which an execution that asked for no other limit fails.",
        ),
    ] = 300_000
    max_held_messages: Annotated[
        int,
        Setting(
            "MAX_BACKPRESSURE_QUEUE",
            whole_number(1, _MAX_COUNT),
            "Messages that a paused execution holds; one more is refused with status 429.",
        ),
    ] = 10_000
    isolate_pool_size: Annotated[
        int,
        Setting(
            "ISOLATE_POOL_SIZE",
            whole_number(0, _MAX_COUNT),
            "Accepted, and without effect: a sandbox opens in under a millisecond, so no pool of them is kept.",
        ),
    ] = 10
    enable_metrics: Annotated[
        bool,
        Setting(
            "ENABLE_METRICS",
            SWITCH,
            "Whether GET /metrics and GET /api/executions/<id>/metrics are served.",
        ),
    ] = True
    chaining: Annotated[
        bool,
        Setting(
            "RUNTIME_CHAINING",
            SWITCH,
            "Whether JavaScript nodes that feed each other run as one where they may; what they do is the same.",
        ),
    ] = True
    completion_grace_ms: Annotated[
        float,
        Setting(
            "COMPLETION_GRACE_MS",
            whole_number(0, _WEEK_MS, "milliseconds"),
            "Quiet time after which an execution with completion auto ends by itself.",
        ),
    ] = 2_000
    drain_seconds: Annotated[
        float,
        Setting(
            "DRAIN_SECONDS",
            whole_number(1, 3600, "seconds"),
            "How long the service, or one execution, may take to come to its end when it is told to stop.",
        ),
    ] = 5
