"""The ways in which a disk makes trouble during one life of the service, chosen at random."""

import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec

from store.sqlite import FILE

_SOURCE = Path(__file__).with_name("slow_disk.c")

ROOM_BYTES = 200_000
"""Room that is left where the disk or the store is nearly full: some hundred messages, no large checkpoint."""


class Fault(msgspec.Struct, frozen=True):
    """A fault of a disk.

    Attributes:
        name: for the report.
        settings: of the service.
        file_bytes: what a file may have; 0 for no bound.
    """

    name: str
    settings: dict[str, str] = {}
    file_bytes: int = 0


def chosen(random: Random, data: Path, slow_disk: Path | None) -> Fault:
    """Choose what is wrong with the disk in the next life: nothing, in half of them.

    Args:
        random: chooses.
        data: the folder of the store.
        slow_disk: the library that makes it slow; never slow where absent.
    """
    size_bytes = max([path.stat().st_size for path in data.glob(f"{FILE}*")], default=0)
    kind = random.choice(["none", "none", "none", "full store", "full disk", "slow disk"])
    if kind == "full store":
        bound = max(2**20, size_bytes + ROOM_BYTES)
        return Fault(kind, {"STORE_MAX_BYTES": str(bound)})
    if kind == "full disk" and size_bytes:
        return Fault(kind, file_bytes=size_bytes + ROOM_BYTES)
    if kind == "slow disk" and slow_disk is not None:
        return Fault(kind, {"LD_PRELOAD": str(slow_disk)})
    return Fault("none")


def built_slow_disk(folder: Path) -> Path | None:
    """Build the library that makes a disk slow; None where there is no compiler for it."""
    library = folder / "slow_disk.so"
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-shared",
        "-fPIC",
        "-O1",
        "-o",
        str(library),
        str(_SOURCE),
        "-ldl",
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    return library if done.returncode == 0 and library.exists() else None
