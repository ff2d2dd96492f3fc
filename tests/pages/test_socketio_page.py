"""docs/socketio.md and the package's docstring say what the program does."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio
from trio_websocket import open_websocket_url

import service.socketio
from service.socketio import config, frames, packets
from service.socketio.config import SocketioConfig
from tests.processes import ended

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/socketio.md").read_text(encoding="utf-8")
NOT_ON_THE_PAGE = {"path", "admit_origin"}


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace(",", ""))


def test_every_bound_stands_on_the_page() -> None:
    """With its value, and none that there is not."""
    rows = {name: number(value) for name, value in re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE)}
    fields = {field.name: field.default for field in msgspec.structs.fields(SocketioConfig)}
    expected: dict[str, Any] = {name: value for name, value in fields.items() if name not in NOT_ON_THE_PAGE}
    for module in (config, frames, packets):
        expected |= {name: value for name, value in vars(module).items() if name.startswith("MAX_")}
    expected.pop("MAX_DEPTH", None)
    assert rows == expected


def test_the_page_shows_the_beginning_of_the_docstrings_server() -> None:
    """One example, in two places."""
    shown = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    lines = [line for line in shown[1].splitlines() if line.strip()]
    assert set(lines) <= set(example().splitlines())


def example() -> str:
    """The server of the package's docstring."""
    text = (service.socketio.__doc__ or "").partition("::\n")[2].partition("\n\nHandlers of one socket")[0]
    return "\n".join(line[4:] for line in text.splitlines())


async def test_the_docstrings_server_runs(tmp_path: Path) -> None:
    """It welcomes, echoes, acknowledges, shouts, asks and refuses."""
    program = tmp_path / "echo.py"
    program.write_text(example().replace("127.0.0.1:5006", "127.0.0.1:0"), encoding="utf-8")
    server = subprocess.Popen(  # noqa: ASYNC220  it is started once, and takes no time
        [sys.executable, program], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with ended(server) as process:
        assert process.stderr is not None
        found = None
        while found is None:
            line = await trio.to_thread.run_sync(process.stderr.readline)
            assert line, "the server has ended"
            found = re.search(r"http://(\S+:\d+)", line)
        url = f"{found[1]}/socket.io/?EIO=4&transport="
        await talk(f"ws://{url}websocket")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{url}polling")).text.startswith("0{")


async def talk(url: str) -> None:
    """Go through what the server does."""
    with trio.fail_after(20):
        async with open_websocket_url(url) as websocket:
            await websocket.get_message()
            await websocket.send_message('40{"token":"wrong"}')
            assert (
                await websocket.get_message() == '44{"message":"Not authorized","data":{"hint":"another token"}}'
            )
            await websocket.send_message("40")
            assert str(await websocket.get_message()).startswith('40{"sid"')
            assert str(await websocket.get_message()).startswith('42["welcome",{"id"')
            for packet in ('421["message","hello"]', '42["shout","hey"]', '422["ask"]'):
                await websocket.send_message(packet)
            assert await websocket.get_message() == '42["message-back","hello"]'
            assert await websocket.get_message() == '431["hello"]'
            assert await websocket.get_message() == '42["shouted","hey"]'
            assert await websocket.get_message() == '421["question",6,7]'
            await websocket.send_message("431[42]")
            assert await websocket.get_message() == "432[42]"
