"""``symbia-runtime rollback``."""

import click

from service.cli.reload import request_each
from service.cli.remote.address import service_options
from service.cli.remote.client import ask
from service.cli.remote.controls import EXECUTIONS
from service.cli.remote.tables import json_option


@click.command(name="rollback")
@EXECUTIONS
@service_options
@json_option
def command(executions: tuple[str, ...], *, as_json: bool) -> None:
    """Take EXECUTIONS back to what they ran before their last reload; a trial ends at once.

    An execution is named by its id, its beginning, or its graph.
    """
    ask(request_each, "rollback", executions, None, as_json=as_json)
