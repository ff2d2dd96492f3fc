"""``symbia-runtime recordings``: the recordings of a service, listed, fetched, sent and removed."""

from pathlib import Path

import click

from proto.recording import RecordingSummary
from service.cli.files import FILE
from service.cli.recording_files import open_recording
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ServiceError, ask, escaped
from service.cli.remote.tables import json_option, short, show_json, show_table

RECORDING_TYPE = "application/vnd.symbia.recording"


@click.group(name="recordings", invoke_without_command=True)
@service_options
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the recordings of a service; or fetch one as a file, send one, or remove it.

    RECORDING is an id, or its beginning: that of its execution, where it was made there.
    """
    if ctx.invoked_subcommand is None:
        ask(_list, as_json=as_json)


@command.command(name="list")
@service_options
@json_option
def list_command(*, as_json: bool) -> None:
    """List the recordings of a service."""
    ask(_list, as_json=as_json)


@command.command(name="fetch")
@click.argument("recording")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@service_options
def fetch_command(recording: str, file: Path) -> None:
    """Write RECORDING to FILE, for `history` and `replay`."""
    content = ask(_fetch, recording)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from error


@command.command(name="send")
@click.argument("file", type=FILE)
@service_options
def send_command(file: Path) -> None:
    """Let the service keep the recording in FILE."""
    with open_recording(file):
        ask(_send, file.read_bytes())


@command.command(name="delete")
@click.argument("recording")
@service_options
def delete_command(recording: str) -> None:
    """Remove RECORDING."""
    ask(_delete, recording)


async def _list(client: ServiceClient, *, as_json: bool) -> None:
    entries = await client.entries("/api/recordings", "recordings")
    if as_json:
        return show_json(entries)
    rows = [
        (
            short(each.id),
            each.level,
            each.state,
            f"{each.first:,} to {each.last:,}",
            f"{each.size_bytes:,}",
            "yes" if each.is_complete else "no",
            each.graph_name,
        )
        for each in (client.decode(entry, RecordingSummary) for entry in entries)
    ]
    return show_table(("ID", "LEVEL", "STATE", "RECORDS", "BYTES", "COMPLETE", "GRAPH"), rows)


async def _fetch(client: ServiceClient, text: str) -> bytes:
    return await client.get(f"/api/recordings/{escaped(await _find(client, text))}/file")


async def _send(client: ServiceClient, content: bytes) -> None:
    kept = client.decode(await client.post("/api/recordings", content, RECORDING_TYPE), RecordingSummary)
    click.echo(kept.id)


async def _delete(client: ServiceClient, text: str) -> None:
    identifier = await _find(client, text)
    await client.delete(f"/api/recordings/{escaped(identifier)}")
    click.echo(f"{identifier}  deleted")


async def _find(client: ServiceClient, text: str) -> str:
    """Return the id that begins so.

    Raises:
        ServiceError: none does, or several do.
    """
    entries = await client.entries("/api/recordings", "recordings")
    ids = [client.decode(entry, RecordingSummary).id for entry in entries]
    found = [each for each in ids if each == text] or [each for each in ids if each.startswith(text)]
    if len(found) != 1:
        count = "none" if not found else f"{len(found)} of them"
        raise ServiceError(f"No single recording is meant by {text[:80]!r}: {count} begin so")
    return found[0]
