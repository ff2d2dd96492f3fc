"""JSONTestSuite, against the readers of JSON: a document, and a value that goes over HTTP through a graph.

`python -m tests.conformance.json_test_suite FOLDER`: a checkout of https://github.com/nst/JSONTestSuite.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

from service.documents.reading import DocumentError, decode_document
from service.observability.logs import start_logging
from tests.conformance.suite import Outcome, SuiteError, command
from tests.service.serving import Service, open_service, single

_BEFORE, _AFTER = b'{"nodeId":"only","port":"in","value":', b"}"


async def run(folder: Path) -> AsyncIterator[Outcome]:
    """Run the cases of JSONTestSuite below FOLDER: what is JSON is taken, and what is not is refused."""
    files = sorted((folder / "test_parsing").glob("[yni]_*.json"))
    if not files:
        raise SuiteError("there is no test_parsing/ with cases in it")
    start_logging("error", "auto")  # or each request is a line
    async with open_service() as service:
        execution_id = await service.start(single("symbia.core.passthrough"), completion="manual")
        for file in files:
            text = file.read_bytes()
            wanted = {"y": True, "n": False}.get(file.name[0])
            yield Outcome(f"{file.name} (document)", _judged(_document(text), wanted))
            if b"\x00" in text[:4]:
                yield Outcome(f"{file.name} (message)", skipped="UTF-16 within a body that is UTF-8")
            else:
                yield Outcome(
                    f"{file.name} (message)", _judged(await _message(service, execution_id, text), wanted)
                )


def _judged(came: bool | str, wanted: bool | None) -> str:
    """How it differs; where the suite leaves the choice (``i_``), nothing does but what is neither."""
    if isinstance(came, str):
        return came
    if wanted is None or came is wanted:
        return ""
    return "taken" if came else "refused"


def _document(text: bytes) -> bool:
    try:
        decode_document(text, "json")
    except DocumentError:
        return False
    return True


async def _message(service: Service, execution_id: str, text: bytes) -> bool | str:
    """Whether a message with this value is taken, or what else happens."""
    reply = await service.client.post(
        f"/api/executions/{execution_id}/inject?wait=10000",
        content=_BEFORE + text + _AFTER,
        headers={"Content-Type": "application/json"},
    )
    if reply.status_code == 400:
        return False
    if not reply.is_success:
        return f"status {reply.status_code}"
    (output,) = json.loads(reply.text)["outputs"].values()
    if repr(output["value"]) != repr(json.loads(text)):
        return f"came out as {output['value']!r}"[:200]
    return True


main = command(run, Path(__file__).with_suffix(".toml"))

if __name__ == "__main__":
    main()
