"""Snapshots of cases: what came once and was found right, in a file beside the cases."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.cli.files import DocumentFileError, read_document_file

ENDING = ".snapshot.json"


def snapshot_path(path: Path) -> Path:
    """Return where the snapshots of ``orders.cases.yaml`` are: ``orders.cases.snapshot.json``."""
    return path.with_name(f"{path.stem}{ENDING}")


def read_snapshots(path: Path) -> dict[str, Any]:
    """Read the snapshots of a file of cases, by the names of the cases; none where there is no file.

    Raises:
        DocumentFileError: the file cannot be read.
    """
    place = snapshot_path(path)
    if not place.exists():
        return {}
    snapshots = read_document_file(place)
    if not isinstance(snapshots, dict):
        raise DocumentFileError(f"{place}: snapshots are an object of cases; --update writes them anew")
    return snapshots


def write_snapshots(path: Path, kept: Mapping[str, Any], taken: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Write the snapshots of a file of cases; return whether that changed anything.

    Args:
        path: of the cases.
        kept: what was there.
        taken: what has come now.
        names: of all cases that have a snapshot; others are forgotten.
    """
    snapshots = {name: taken.get(name, kept.get(name)) for name in names if name in taken or name in kept}
    if snapshots == kept:
        return False
    place = snapshot_path(path)
    if not snapshots:
        place.unlink(missing_ok=True)
        return True
    text = msgspec.json.format(msgspec.json.encode(snapshots, order="sorted"), indent=2) + b"\n"
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.write_bytes(text)
    beside.replace(place)
    return True
