"""Lines of pages, pasted into a shell that finds ``symbia-runtime``, and a curl where the machine has none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.service.serving import ROOT

CURL = f"""\
#!{sys.executable}
# Stands in for curl where there is none: -s, -w, -X, -H and -d, as the README uses them.
import argparse, sys, httpx
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-w", default="")
parser.add_argument("-X", default=None)
parser.add_argument("-H", default="Accept: */*")
parser.add_argument("-d", default=None)
parser.add_argument("url")
asked = parser.parse_args()
body = asked.d and (open(asked.d[1:]).read() if asked.d.startswith("@") else asked.d)
name, _, value = asked.H.partition(": ")
method = asked.X or ("POST" if body else "GET")
sys.stdout.write(httpx.request(method, asked.url, headers={{name: value}}, content=body).text)
sys.stdout.write(asked.w.replace("\\\\n", "\\n"))
"""

PROGRAM = f"""\
#!/bin/sh
exec {sys.executable} -m service "$@"
"""
"""``symbia-runtime`` of this checkout, by whatever name its environment was made."""


def run_shell(lines: str, folder: Path, url: str = "") -> str:
    """Run lines as a shell does, in the checkout; what they print. ``folder`` takes the programs that they find.

    ``url`` is the service that they speak to, in the place of the one at the usual port.
    """
    programs = {"symbia-runtime": PROGRAM, **({"curl": CURL} if shutil.which("curl") is None else {})}
    for name, text in programs.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",  # a proxy of the machine would not find this service
        "SYMBIA_URL": url,
    }
    lines = lines.replace('export PATH="$PWD/.venv/bin:$PATH"\n', "").replace("http://127.0.0.1:5006", url)
    run = subprocess.run(
        ["sh", "-eu", "-c", lines], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
