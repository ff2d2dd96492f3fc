"""Graphs in the files of a folder, by their names."""

from pathlib import Path

from service.cli.graph_files import FolderGraphs


async def test_a_name_that_no_file_has_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """A file that cannot be read may have it, and is named where no other name is near."""
    (tmp_path / "a.json").write_text('{"name": "pricing", "nodes": [], "edges": []}')
    (tmp_path / "b.json").write_text('{"nodes": [], "edges": []}')
    (tmp_path / "c.yaml").write_text("a: b: c")
    folder = FolderGraphs(tmp_path)
    assert [len((await folder.graphs_named(name, "")).documents) for name in ("pricing", "prices")] == [1, 0]
    lack = "no file beside it has a graph of this name"
    assert (await folder.graphs_named("pricin", "")).trouble == f"{lack}; did you mean pricing?"
    assert (await folder.graphs_named("x", "")).trouble.startswith(f"{lack}, and {tmp_path / 'c.yaml'} cannot be")
