"""``symbia-runtime stop``: executions, ended at once or after they have drained."""

import click

from service.cli.remote.address import service_options
from service.cli.remote.client import ask
from service.cli.remote.controls import EXECUTIONS, request_all
from service.cli.remote.tables import json_option


@click.command(name="stop")
@EXECUTIONS
@click.option("--drain", is_flag=True, help="Process first what they have accepted.")
@service_options
@json_option
def command(executions: tuple[str, ...], *, drain: bool, as_json: bool) -> None:
    """Stop EXECUTIONS at once; what they have accepted and not finished is counted as unprocessed.

    An execution is named by its id, its beginning, or its graph.
    """
    ask(request_all, "stop", executions, as_json=as_json, query={"drain": "true"} if drain else None)
