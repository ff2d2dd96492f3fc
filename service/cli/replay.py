"""``symbia-runtime replay``: a recording is run again, and every value is compared."""

import sys
from pathlib import Path

import click

from engine.replaying.replay import Against, ReplayOptions, replay
from engine.testing.simulated_time import SimulatedTime
from proto.codec import encode
from proto.recording import NodeDifference, ReplayReply
from service.cli.files import FILE, component_in
from service.cli.own_vault import own_vault
from service.cli.recording_files import open_recording
from service.cli.remote.tables import show_json
from service.cli.until_signal import run_until_signal
from service.documents.printable import printable

DIFFERENT_STATUS = 1

SHOWN_CHARACTERS = 200
"""Characters of a value in a line for people."""

_WORDS = {
    "value": "emitted another value",
    "missing": "did not emit a value any more",
    "extra": "emitted a value more",
    "order": "emitted the same values in another order",
}


@click.command(name="replay")
@click.argument("recording", type=FILE)
@click.option(
    "--component", "components", type=FILE, multiple=True, help="Run this in the place of the recorded component."
)
@click.option("--until", type=click.IntRange(min=1), help="Stop after the record of this number.")
@click.option("--since", type=click.IntRange(min=0), default=0, help="Compare from the record of this number on.")
@click.option(
    "--against",
    type=click.Choice(["recording", "rerun"]),
    help="Compare with the recording, or with a run of the recorded code.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    recording: Path,
    components: tuple[Path, ...],
    until: int | None,
    since: int,
    against: Against | None,
    *,
    as_json: bool,
) -> None:
    """Run the RECORDING in a file again, and say where what its nodes emit is not what it was.

    Time is simulated, so nothing waits; what was answered from outside is answered from the recording, and nobody
    is asked. The first difference of each node is shown, with both values; the numbers are those of
    `symbia-runtime history`.

    A component is given as the file of its code or of its definition. ${env.NAME} and ${secret.name} are what
    GRAPH_ENV_NAMES, SECRETS_FILE and SECRET_NAME allow, as in the service.

    The exit status is 0 when all was the same, 1 when not, and 2 when the recording cannot be run.
    """
    given = tuple(component_in(path).document for path in components)
    options = ReplayOptions(components=given, until=until, since=since, against=against)
    with open_recording(recording) as file:
        time = SimulatedTime()
        outcome = run_until_signal(replay, file.head, file.records, time, options, own_vault(), clock=time.clock)
    if as_json:
        show_json([encode(outcome)])
    else:
        _show(outcome)
    sys.exit(0 if outcome.is_same else DIFFERENT_STATUS)


def _show(outcome: ReplayReply) -> None:
    for difference in outcome.differences:
        click.echo(printable(line_of(difference)))
    for complaint in outcome.complaints:
        click.echo(printable(complaint))
    beside = "what was recorded" if outcome.against == "recording" else "a run of what was recorded"
    verdict = "the same" if outcome.is_same else "not the same"
    click.echo(
        f"{verdict}: {outcome.injected:,} messages injected, {outcome.compared:,} values compared with {beside}",
        err=True,
    )


def line_of(difference: NodeDifference) -> str:
    """Return a difference as one line for people."""
    node, port = difference.node_id, difference.port
    values = [
        f"{name} {_short(value)}"
        for name, value in (("expected", difference.expected), ("got", difference.actual))
        if value
    ]
    told = f": {', '.join(values)}" if values else ""
    place = f"value {difference.place:,} of {port}"
    return f"diverged at {difference.sequence:,}, node {node}: {_WORDS[difference.kind]} ({place}){told}"


def _short(value: object) -> str:
    text = bytes(value).decode("utf-8", "replace")  # type: ignore[call-overload]
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters)"
