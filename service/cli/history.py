"""``symbia-runtime history``: the records of an execution, from a file or from a service."""

import os
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import click
import msgspec
import trio

from engine.journal.history import MOST_PAGE_RECORDS, Filter, read_page
from engine.journal.moment_shown import shown
from engine.journal.records import KINDS as RECORD_KINDS
from engine.replaying.reaching import look_at
from engine.testing.simulated_time import SimulatedTime
from proto.codec import encode
from proto.moment import MomentReply
from proto.recording import HistoryRecord
from service.cli.files import DocumentFileError
from service.cli.moments import lines_of
from service.cli.own_vault import own_vault
from service.cli.recording_files import open_recording
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json
from service.cli.until_signal import run_until_signal
from service.documents.printable import printable

SHOWN_CHARACTERS = 120
"""Characters of a value in a line for people."""

KINDS = tuple(RECORD_KINDS.values())


class HistoryPage(msgspec.Struct, frozen=True):
    """A page of records, and the number from which on the next one begins; 0 after the last."""

    records: list[msgspec.Raw]
    following: int


@click.command(name="history")
@click.argument("recording", shell_complete=execution_names)
@click.option("--node", default="", help="Only records of this node, or of all in this graph.")
@click.option("--edge", default="", help="Only values along this edge: its id, or its index.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only records of this kind.")
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="From the record of this number on.")
@click.option("--to", "last", type=click.IntRange(min=0), default=2**53 - 1, help="Up to this one.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--at", type=click.IntRange(min=0), help="Show queues and states behind this record.")
@service_options
@json_option
def command(
    recording: str,
    node: str,
    edge: str,
    kinds: tuple[str, ...],
    first: int,
    last: int,
    limit: int | None,
    at: int | None,
    *,
    as_json: bool,
) -> None:
    """Print what happened in an execution, in its order, as far as it was noted; or what was there at one moment.

    RECORDING is the file of a recording, or an execution of a service: an id, its beginning, or the name of a
    graph, whose newest one is meant.
    """
    if at is not None:
        if Path(recording).is_file():
            _show_moment(_moment_in(Path(recording), at), as_json=as_json)
        else:
            _show_moment(ask(_remote_moment, recording, at), as_json=as_json)
        return
    wanted = Filter(node=node, edge=edge, kinds=frozenset(kinds), first=first, last=last, limit=limit or 2**60)
    if Path(recording).is_file():
        trio.run(_print_file, Path(recording), wanted, as_json)
    elif Path(recording).exists() or _is_path(recording):
        what = "it is no file" if Path(recording).exists() else "there is no such file"
        raise DocumentFileError(f"{recording}: {what}")
    else:
        ask(_print_remote, recording, wanted, as_json=as_json)


def _is_path(text: str) -> bool:
    """Return whether a text is meant as a file, and not as the id of an execution or the name of a graph."""
    return os.sep in text or text.endswith((".recording", ".rec"))


def _moment_in(path: Path, at: int) -> MomentReply:
    with open_recording(path) as file:
        time = SimulatedTime()

        async def read() -> MomentReply:
            moment, is_run = await look_at(
                file.head, file.records, lambda: _each(file.chunks()), time, at, own_vault()
            )
            return shown(moment, file.head.execution_id, is_run=is_run)

        return run_until_signal(read, clock=time.clock)


async def _remote_moment(client: ServiceClient, text: str, at: int) -> MomentReply:
    path = f"/api/executions/{escaped(await find_execution(client, text))}/at/{at}"
    return client.decode(await client.get(path), MomentReply)


def _show_moment(moment: MomentReply, *, as_json: bool) -> None:
    if as_json:
        show_json([encode(moment)])
        return
    for line in lines_of(moment):
        click.echo(printable(line))


async def _print_file(path: Path, wanted: Filter, as_json: bool) -> None:
    with open_recording(path) as file:
        left, following = wanted.limit, wanted.first
        while True:
            part = msgspec.structs.replace(wanted, first=following, limit=min(left, MOST_PAGE_RECORDS))
            page = await read_page(file.head, _each(file.chunks()), part, is_foreign=True)
            _show(page.records, as_json=as_json)
            left -= len(page.records)
            following = page.following
            if not following or left <= 0:
                return


async def _each(chunks: Iterable[bytes]) -> AsyncGenerator[bytes]:
    for chunk in chunks:
        yield chunk


async def _print_remote(client: ServiceClient, text: str, wanted: Filter, *, as_json: bool) -> None:
    path = f"/api/executions/{escaped(await find_execution(client, text))}/history"
    query: dict[str, str | int] = {"to": wanted.last}
    query |= {name: value for name, value in (("node", wanted.node), ("edge", wanted.edge)) if value}
    if wanted.kinds:
        query["kind"] = ",".join(sorted(wanted.kinds))
    left, following = wanted.limit, wanted.first
    while True:
        query |= {"from": following, "limit": min(left, MOST_PAGE_RECORDS)}
        page = client.decode(await client.get(path, **query), HistoryPage)
        if as_json:
            show_json(page.records)
        else:
            _show([client.decode(each, HistoryRecord) for each in page.records], as_json=False)
        left -= len(page.records)
        following = page.following
        if not following or left <= 0:
            return


def _show(records: Iterable[HistoryRecord], *, as_json: bool) -> None:
    if as_json:
        show_json([encode(record) for record in records])
        return
    for record in records:
        click.echo(printable(line_of(record)))


def line_of(record: HistoryRecord) -> str:
    """Return a record as one line for people: its number, its kind, where, and what."""
    where = record.node_id + (f":{record.port}" if record.port else "")
    if record.target_node_id:
        where += f" > {record.target_node_id}:{record.target_port}"
    told = []
    if isinstance(record.value, msgspec.Raw):
        text = bytes(record.value).decode("utf-8", "replace")
        told.append(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…")
    if record.omitted_bytes:
        told.append(f"({record.omitted_bytes:,} bytes)")
    if record.error is not None:
        told.append(f"{record.error.get('name', '')}: {record.error.get('message', '')}")
    if record.message:
        told.append(record.message)
    if record.count:
        told.append(f"{record.count:,} messages")
    cause = f"  <- {record.cause}" if record.cause else ""
    return f"{record.sequence:>9}  {record.kind:<8}  {where:<30}  {' '.join(told)}{cause}".rstrip()
