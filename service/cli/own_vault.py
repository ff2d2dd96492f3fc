"""The variables and secrets of whoever runs a graph by themselves."""

import os
import sys

import click

from service.settings.table import SettingsError, graph_value_settings
from service.vault.opening import OperatorVault, read_vault

USAGE_STATUS = 2


def own_vault() -> OperatorVault:
    """Return what graphs may use by the variables of this process; where these are wrong, say so and exit."""
    environment = dict(os.environ)
    try:
        return read_vault(graph_value_settings(environment), environment, are_callers_known=False)
    except SettingsError as error:
        for complaint in error.complaints:
            click.echo(f"Error: {complaint}", err=True)
        sys.exit(USAGE_STATUS)
