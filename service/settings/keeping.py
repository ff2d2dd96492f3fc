"""Settings of what is kept: on disk, of versions of graphs and components, and of outputs of executions."""

from pathlib import Path
from typing import Annotated

import msgspec

from engine.limits import EngineLimits
from service.settings.kinds import FOLDER, Setting, whole_number
from store.sqlite import DEFAULT_BOUND_BYTES

_DEFAULTS = EngineLimits()


class KeepingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what is kept for those who want to look back, or to go back."""

    data_folder: Annotated[
        Path | None,
        Setting(
            "DATA_DIR",
            FOLDER,
            (
                "A folder of this service's own, made where there is none, in which graphs, components and ends "
                "of executions outlive it; unset, a restart forgets them."
            ),
        ),
    ] = None
    store_bytes: Annotated[
        int,
        Setting(
            "STORE_MAX_BYTES",
            whole_number(2**20, 2**46, "bytes"),
            "What the file in DATA_DIR may have at most; beyond it nothing more is taken in, with status 503.",
        ),
    ] = DEFAULT_BOUND_BYTES
    checkpoint_ms: Annotated[
        int,
        Setting(
            "CHECKPOINT_MS",
            whole_number(10, 3_600_000, "milliseconds"),
            "The time between two checkpoints of a durable execution; a restart repeats what came after the last.",
        ),
    ] = _DEFAULTS.checkpoint_ms
    checkpoint_messages: Annotated[
        int,
        Setting(
            "CHECKPOINT_MESSAGES",
            whole_number(1, 10**9),
            "Messages that a durable execution has accepted after which a checkpoint is taken sooner.",
        ),
    ] = _DEFAULTS.checkpoint_messages
    checkpoint_bytes: Annotated[
        int,
        Setting(
            "CHECKPOINT_BYTES",
            whole_number(1024, 2**40, "bytes"),
            "Bytes of what it has accepted, likewise.",
        ),
    ] = _DEFAULTS.checkpoint_bytes
    versions: Annotated[
        int,
        Setting(
            "KEPT_VERSIONS",
            whole_number(1, 10_000),
            "Versions kept of one graph or component, the present one among them; those in use stay besides.",
        ),
    ] = _DEFAULTS.kept_versions
    version_bytes: Annotated[
        int,
        Setting(
            "KEPT_VERSION_BYTES",
            whole_number(0, 2**46, "bytes"),
            "Memory of those before the present one; it counts to what an organisation may hold, too.",
        ),
    ] = _DEFAULTS.kept_version_bytes
    outputs: Annotated[
        int,
        Setting(
            "KEPT_OUTPUTS",
            whole_number(0, 10_000, "0 for none"),
            (
                "Values kept of each port that no edge leaves, per execution, for GET "
                "/api/executions/<id>/outputs. Without them, values that nobody hears need not leave the sandbox, "
                "which is faster."
            ),
        ),
    ] = 100
    output_bytes: Annotated[
        int,
        Setting(
            "KEPT_OUTPUT_BYTES",
            whole_number(0, 2**32, "bytes"),
            "Memory of them per execution; it counts to what an organisation may hold, too.",
        ),
    ] = _DEFAULTS.kept_output_bytes
    recordings: Annotated[
        int,
        Setting(
            "KEPT_RECORDINGS",
            whole_number(0, 100_000),
            "Recordings of one organisation kept after they have ended; the oldest goes first.",
        ),
    ] = _DEFAULTS.recordings
    recording_bytes: Annotated[
        int,
        Setting(
            "RECORDING_MAX_BYTES",
            whole_number(2**16, 2**36, "bytes"),
            "Bytes of one recording; one of inputs ends there, of a full one the oldest part goes.",
        ),
    ] = _DEFAULTS.recording_bytes
    owner_recording_bytes: Annotated[
        int,
        Setting(
            "KEPT_RECORDING_BYTES",
            whole_number(0, 2**46, "bytes"),
            (
                "Bytes of all recordings of one organisation; the oldest goes first. Without DATA_DIR they are in "
                "memory, and count to what an organisation may hold."
            ),
        ),
    ] = _DEFAULTS.owner_recording_bytes
    recording_days: Annotated[
        int,
        Setting(
            "KEPT_RECORDING_DAYS",
            whole_number(0, 36_500, "days, 0 for no bound"),
            "Days that a recording is kept after it has ended.",
        ),
    ] = 0
    flight_recorder_bytes: Annotated[
        int,
        Setting(
            "FLIGHT_RECORDER_BYTES",
            whole_number(0, 2**30, "bytes, 0 for none"),
            (
                "Bytes of the latest records of each execution for which no recording was chosen, kept as one "
                "when it fails. It costs as much as a full recording."
            ),
        ),
    ] = _DEFAULTS.flight_recorder_bytes
    replay_bytes: Annotated[
        int,
        Setting(
            "REPLAY_MAX_BYTES",
            whole_number(2**20, 2**36, "bytes"),
            "Bytes that running a recording again may keep: of it, and of what its runs emit.",
        ),
    ] = _DEFAULTS.replay_bytes
