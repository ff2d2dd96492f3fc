"""Pipes, devices and links that lead to each other: they end in a sentence, and hold nobody up."""

import os
from pathlib import Path

import pytest
import trio

from engine.runtime import open_runtime
from service.cli.check_sources import read_sources
from service.cli.files import DocumentFileError, read_document_file
from service.documents.component_files import read_folders
from service.documents.files import read_file
from service.folders.keeper import FileKeeper, FolderPlan


def strange_folder(folder: Path) -> Path:
    """A folder with a pipe that nobody writes to, a device without an end, and links that lead to themselves."""
    folder.mkdir()
    os.mkfifo(folder / "pipe.yaml")
    os.mkfifo(folder / "pipe.js")
    (folder / "device.yaml").symlink_to("/dev/zero")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "loop.js").symlink_to("loop.js")
    (folder / "around").symlink_to(folder)
    return folder


def test_a_library_tells_what_is_no_file(tmp_path: Path) -> None:
    """Nobody waits for a pipe, and a link that leads to itself is told."""
    told = {
        problem.path.name: problem.message for problem in read_folders([strange_folder(tmp_path / "l")]).problems
    }
    assert told["pipe.js"] == "it is no file"
    assert "leads out of" in told["loop.js"]


async def test_a_service_goes_on_beside_what_is_no_file(tmp_path: Path) -> None:
    """The folder of graphs and that of components may have anything in them."""
    folder = strange_folder(tmp_path / "g")
    (folder / "good.yaml").write_text(
        'symbia: "1.0"\nname: good\nnodes: [{id: a, component: symbia.core.passthrough}]\nedges: []\n'
    )
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        keeper = FileKeeper(runtime, FolderPlan((folder,), (folder,)), nursery, lambda _: None, lambda: 0.5)
        await keeper.look()
        assert [each.definition.name for each in runtime.library.graphs()] == ["good"]
        nursery.cancel_scope.cancel()


def test_a_folder_that_is_checked_has_files_only(tmp_path: Path) -> None:
    """What is none is not looked at."""
    folder = strange_folder(tmp_path / "c")
    (folder / "good.yaml").write_text('symbia: "1.0"\nname: good\nnodes: []\nedges: []\n')
    assert [Path(source.name).name for source in read_sources([folder], None)] == ["good.yaml"]


def test_a_file_without_an_end_is_refused(tmp_path: Path) -> None:
    """It would fill the memory."""
    device = tmp_path / "device.json"
    device.symlink_to("/dev/zero")
    with pytest.raises(DocumentFileError, match="File too large"):
        read_document_file(device)
    with pytest.raises(OSError, match="File too large"):
        read_file(device, 10)
