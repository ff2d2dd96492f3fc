"""Components in the files of a folder: what is one, and what is wrong with the others."""

from pathlib import Path
from typing import Any

import pytest

from service.documents.component_files import MOST_BYTES, ComponentFolder, read_folder, read_folders

DEFINITION = "id: custom.{name}\nname: N\nversion: 1.0.0\nports: {{inputs: [in], outputs: [out]}}\n"
CODE = "export default (ctx, port, value) => ctx.emit('out', value);\n"


def written(folder: Path, **files: str | bytes) -> ComponentFolder:
    """Write files, whose dots are underlines here, and read the folder."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_folder(folder)


def told(found: ComponentFolder, folder: Path) -> list[tuple[str, str]]:
    return [(str(problem.path.relative_to(folder)), problem.message) for problem in found.problems]


def test_code_has_its_definition_beside_it_or_at_its_head(tmp_path: Path) -> None:
    """JavaScript and TypeScript either way, WebAssembly beside its definition, definitions with code in them."""
    head = (
        "// A licence.\n/* symbia:\n"
        + DEFINITION.format(name="b")
        + "execution: {limits: {cpuMs: 5}}\n*/\n"
        + CODE
    )
    found = written(
        tmp_path,
        a_js=CODE,
        a_yaml=DEFINITION.format(name="a"),
        deep__b_ts=head,
        c_wasm=b"\0asm",
        c_json='{"id": "custom.c"}',
        d_json='{"id": "custom.d", "execution": {"type": "javascript", "source": "x"}}',
        graph_yaml="symbia: '1.0'\nnodes: []\n",
        a_cases_yaml="component: custom.a\ncases: []\n",
        types_d_ts="declare const x: 1;",
        _git__e_js=CODE,
        readme_md="#",
    )
    assert told(found, tmp_path) == []
    codes: list[Any] = [(each.path.name, each.document["execution"]) for each in found.components]
    assert codes == [
        ("a.js", {"type": "javascript", "source": CODE}),
        ("c.wasm", {"type": "wasm", "module": "AGFzbQ=="}),
        ("d.json", {"type": "javascript", "source": "x"}),
        ("b.ts", {"limits": {"cpuMs": 5}, "type": "typescript", "source": head}),
    ]
    assert [path.name for path in found.components[0].sources] == ["a.js", "a.yaml"]


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        (
            {"a_js": CODE},
            "a.js",
            "there is no definition: no a.yaml beside it, and no comment /* symbia: … */ at its head",
        ),
        ({"a_wasm": b"\0asm"}, "a.wasm", "there is no definition: no a.yaml beside it"),
        ({"a_js": b"\xff", "a_yaml": "id: a"}, "a.js", "it is not UTF-8: byte 0 is wrong"),
        ({"a_js": CODE, "a_yaml": "id: ["}, "a.js", "a.yaml cannot be read: This is not YAML"),
        ({"a_js": CODE, "a_yaml": "- 1"}, "a.js", "a.yaml is no definition: a definition is an object"),
        ({"a_js": CODE, "a_yaml": "id: a", "a_json": "{}"}, "a.js", "a.yaml and a.json stand beside it"),
        (
            {"a_js": CODE, "a_ts": CODE, "a_yaml": "id: a"},
            "a.js",
            "a.ts stands beside it; one of them is the code",
        ),
        (
            {"a_js": "/* symbia:\nid: a */", "a_yaml": "id: a"},
            "a.js",
            "a.yaml defines it, and so does the comment",
        ),
        ({"a_js": "/* symbia: [ */"}, "a.js", "the comment at its head cannot be read: This is not YAML"),
        ({"a_js": CODE, "a_yaml": "id: a\nexecution: {source: x}"}, "a.js", "its definition has execution.source"),
        (
            {"a_js": CODE, "a_yaml": "id: a\nexecution: {type: wasm}"},
            "a.js",
            "its definition says that it is wasm",
        ),
        ({"a_js": CODE, "a_yaml": "id: a\nexecution: 7"}, "a.js", "execution is an object"),
        (
            {"a_yaml": DEFINITION.format(name="a")},
            "a.yaml",
            "there is no code: none in it, and no a.js, a.mjs, a.ts",
        ),
        ({"a_json": "{"}, "a.json", "it cannot be read: "),
    ],
)
def test_what_is_wrong_is_told_with_its_file(
    tmp_path: Path, files: dict[str, str | bytes], name: str, message: str
) -> None:
    """Every file that is no component says why; the others are read."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good/z.js").write_text(CODE)
    (tmp_path / "good/z.yaml").write_text(DEFINITION.format(name="z"))
    found = written(tmp_path, **files)
    assert [each.document["id"] for each in found.components if each.path.name == "z.js"] == ["custom.z"]
    ((place, words),) = told(found, tmp_path)
    assert (place, words[: len(message)]) == (name, message)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A link to elsewhere is told and not read, one within the folder is read, and one to nothing is told."""
    (tmp_path / "secret.json").write_text('{"id": "secret", "execution": {"source": "x"}}')
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "out.json").symlink_to(tmp_path / "secret.json")
    (folder / "lost.json").symlink_to(folder / "gone.json")
    (folder / "in.json").symlink_to(folder / "real.json")
    (folder / "up").symlink_to(tmp_path)
    found = written(folder, real_json='{"id": "real", "execution": {"source": "x"}}')
    assert [each.path.name for each in found.components] == ["in.json", "real.json"]
    assert [(place, words.split(",")[0]) for place, words in told(found, folder)] == [
        ("lost.json", "it is no file"),
        ("out.json", f"it leads out of {folder}"),
    ]


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file beyond the bound is told by its size."""
    with (tmp_path / "a.wasm").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (tmp_path / "a.yaml").write_text("id: a")
    assert told(read_folder(tmp_path), tmp_path) == [("a.wasm", "it has 67,108,865 bytes; 67,108,864 are read")]


def test_two_of_one_id_are_told_with_both_files(tmp_path: Path) -> None:
    """The first counts; the other is told with where the first is. A folder that is named twice is read once."""
    one, other = tmp_path / "one", tmp_path / "other"
    written(one, a_json='{"id": "same", "execution": {"source": "x"}}')
    written(other, b_json='{"id": "same", "execution": {"source": "y"}}')
    found = read_folders([one, one, other])
    assert [each.path for each in found.components] == [one / "a.json"]
    assert told(found, tmp_path) == [("other/b.json", f"{one / 'a.json'} has the id same, too")]
