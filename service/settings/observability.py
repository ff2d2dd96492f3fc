"""Settings of the log and of spans."""

from typing import Annotated, Literal

import msgspec

from service.settings.kinds import URL, Setting, choice, whole_number

LogFormat = Literal["auto", "json", "console"]


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The log: what is in it, and how it looks."""

    level: Annotated[
        str,
        Setting(
            "LOG_LEVEL",
            choice("debug", "info", "warning", "error"),
            "The least that is logged.",
        ),
    ] = "info"
    format: Annotated[
        LogFormat,
        Setting(
            "LOG_FORMAT",
            choice("auto", "json", "console"),
            "How log lines look on standard error; auto is console at a terminal and json elsewhere.",
        ),
    ] = "auto"
    stall_ms: Annotated[
        int,
        Setting(
            "LOG_STALL_MS",
            whole_number(0, 3_600_000, "milliseconds, 0 for never"),
            "How long something may hold the event loop before the log says what it was, with its stack.",
        ),
    ] = 1_000


class TracingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The way of spans, and the share that is sent."""

    endpoint: Annotated[
        str,
        Setting(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            URL,
            "Where OpenTelemetry spans are sent by OTLP over HTTP, without /v1/traces; needs the extra otel.",
        ),
    ] = ""
    calls_per_second: Annotated[
        int,
        Setting(
            "OTEL_CALLS_PER_SECOND",
            whole_number(0, 200),
            "Calls of components that become spans, of each execution a second; as many failed ones beside them.",
        ),
    ] = 20
