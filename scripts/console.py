"""Builds the console: types of the service's own documents, checks, unit tests, and the files that are served.

Run by `make console`; it needs Node and npm. What it writes is under version control, so that nobody who only runs
the service needs either; built again of the same sources it is the same to the byte.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import trio

from engine.cooperative.slices import at_once
from engine.runtime import open_runtime
from service.app import create_app
from service.http.openapi.asyncapi import asyncapi_document, live_types
from service.http.openapi.document import openapi_document
from service.http.openapi.tools import spelled_out
from service.readiness import Readiness
from service.settings.table import Settings

APP = Path(__file__).resolve().parent.parent / "service" / "console" / "app"
TYPES = Path("src", "api", "schema.d.ts")
LIVE_TYPES = Path("src", "api", "events.d.ts")


def main() -> int:
    """Build; the exit status is that of the first step that fails."""
    steps = [
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        ["npm", "run", "--silent", "check"],
        ["npm", "test", "--silent"],
        ["npm", "run", "--silent", "build"],
    ]
    for number, step in enumerate(steps):
        sys.stderr.write(f"console: {' '.join(step)}\n")
        status = subprocess.run(step, cwd=APP, check=False).returncode  # noqa: S603 -- fixed commands, and no shell
        if status:
            return status
        if not number:
            write_types()
    return 0


def write_types() -> None:
    """Write the types of what the service takes, answers and tells, for the page to be checked against."""
    document = trio.run(described)
    live = at_once(asyncapi_document())
    schemas = {**live["components"]["schemas"], **document["components"]["schemas"]}
    document = {**document, "paths": {}, "components": {**document["components"], "schemas": schemas}}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(document), encoding="utf-8")
        # Fields with a default are left away in many answers, so the page may not count on them.
        command = ["npx", "--no-install", "openapi-typescript", str(source), "-o", str(TYPES)]
        command += ["--default-non-nullable", "false"]
        subprocess.run(command, cwd=APP, check=True)  # noqa: S603 -- fixed, and no shell
    (APP / LIVE_TYPES).write_text(live_interfaces(live_types(live)), encoding="utf-8")


def live_interfaces(types: dict[str, dict[str, str]]) -> str:
    """Return what the page may send and hears as interfaces of TypeScript: payloads by the names of events."""
    lines = ["/** Made of the AsyncAPI document by `make console`: the payload of each event by its name. */"]
    lines += ["import type { components } from './schema';", "", "type Schemas = components['schemas'];"]
    for interface, direction in (("Commands", "receive"), ("LiveEvents", "send")):
        lines += ["", f"export interface {interface} {{"]
        lines += [f"  '{name}': Schemas['{shape}'];" for name, shape in types[direction].items()]
        lines += ["}"]
    return "\n".join([*lines, ""])


async def described() -> dict[str, Any]:
    """The OpenAPI document of this service."""
    async with open_runtime() as runtime:
        return spelled_out(at_once(openapi_document(create_app(runtime, Settings(), Readiness()))))


if __name__ == "__main__":
    sys.exit(main())
