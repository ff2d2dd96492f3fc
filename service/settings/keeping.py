"""Settings of what is kept: versions of graphs and components, and outputs of executions."""

from typing import Annotated

import msgspec

from engine.limits import EngineLimits
from service.settings.kinds import Setting, whole_number

_DEFAULTS = EngineLimits()


class KeepingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what is kept for those who want to look back, or to go back."""

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
