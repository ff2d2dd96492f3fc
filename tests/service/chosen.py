"""Settings for tests: some are chosen, and the others have their defaults."""

from typing import Any

from service.settings.table import TABLE, Settings, settings_of

_ROWS = {variable.lower(): row for row in TABLE for variable in row.variables}


def settings_with(**values: Any) -> Settings:
    """The settings with these values, each by the name of its variable in lower case: ``max_body_bytes=10``."""
    return settings_of({_ROWS[name]: value for name, value in values.items()})
