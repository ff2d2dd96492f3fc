"""The reference as one HTML page that fetches nothing: made of the OpenAPI document, readable without a script."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from service.http.openapi.llms_txt import Document, operations_of, shape_text

_FOLDER = Path(__file__).parent / "reference"


def reference_page(document: Document) -> str:
    """Make the whole page."""
    info = document["info"]
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    title = escape(info["title"])
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{title}</title><style>{style}</style></head><body>",
            f"<nav><h1>{title} <small>{escape(info['version'])}</small></h1>",
            '<input id="search" type="search" placeholder="Search (press /)" aria-label="Search the reference">',
            '<button id="theme" type="button">Dark or light</button>',
            *_contents(document),
            f"</nav><main><p>{_marked(info['description'])}</p>",
            '<p>For programs: <a href="/docs/openapi.json">OpenAPI 3.1</a>, ',
            '<a href="/docs/llms.txt">llms.txt</a>, ',
            '<a href="/docs/llms-full.txt">llms-full.txt</a>.</p>',
            *_chapters(document),
            *_schemas(document),
            f'<p id="nothing" hidden>Nothing fits.</p></main><script>{script}</script></body></html>\n',
        ]
    )


def _contents(document: Document) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><ul>"
        for method, path, described in operations_of(document):
            if tag["name"] in described["tags"]:
                name = escape(described["operationId"])
                yield f'<li data-for="{name}"><a href="#{name}">{_method(method)} {escape(path)}</a></li>'
        yield "</ul>"
    yield '<h2><a href="#schemas">Schemas</a></h2>'


def _chapters(document: Document) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_marked(tag['description'])}</p>"
        for method, path, described in operations_of(document):
            if tag["name"] in described["tags"]:
                yield from _operation(method, path, described)


def _operation(method: str, path: str, described: dict[str, Any]) -> Iterator[str]:
    yield f'<article id="{escape(described["operationId"])}">'
    yield f"<h3>{_method(method)} <code>{escape(path)}</code></h3><p>{_marked(described['summary'])}.</p>"
    if "description" in described:
        yield f"<p>{_marked(described['description'])}</p>"
    if "parameters" in described:
        yield "<h4>Parameters</h4><dl>"
        for parameter in described["parameters"]:
            yield f"<dt><code>{escape(parameter['name'])}</code> in {escape(parameter['in'])}, "
            yield f"{_shape(parameter['schema'])}</dt><dd>{_marked(parameter.get('description', ''))}</dd>"
        yield "</dl>"
    for kind, content in described.get("requestBody", {}).get("content", {}).items():
        yield f"<h4>Body, <code>{escape(kind)}</code></h4><p>{_shape(content['schema'])}</p>"
        for title, example in content.get("examples", {}).items():
            yield f"<details><summary>Example: {escape(title)}</summary>{_code(example['value'])}</details>"
        if isinstance(content.get("example"), str):
            yield f"<details><summary>Example</summary><pre>{escape(content['example'])}</pre></details>"
    yield "<h4>Answers</h4><dl>"
    for status, response in described["responses"].items():
        shapes = ", ".join(_shape(content["schema"]) for content in response.get("content", {}).values())
        yield f'<dt class="s{status[0]}">{status} {shapes}</dt><dd>{_marked(response["description"])}'
        for content in response.get("content", {}).values():
            if "example" in content:
                yield f"<details><summary>Example</summary>{_code(content['example'])}</details>"
        yield "</dd>"
    yield "</dl></article>"


def _schemas(document: Document) -> Iterator[str]:
    yield '<h2 id="schemas">Schemas</h2>'
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="schema-{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        yield f"<p>{_marked(schema.get('description', ''))}</p>"
        if "enum" in schema:
            yield f"<p>{_shape(schema)}</p>"
        required = set(schema.get("required", ()))
        yield "<dl>"
        for field, described in schema.get("properties", {}).items():
            needed = ", required" if field in required else ""
            yield f"<dt><code>{escape(field)}</code> {_shape(described)}{needed}</dt>"
            yield f"<dd>{_marked(described.get('description', ''))}</dd>"
        yield "</dl></article>"


def _method(method: str) -> str:
    return f'<b class="{method.lower()}">{method}</b>'


def _shape(schema: dict[str, Any]) -> str:
    """Return a schema in words, the names of others linked to them."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return " or ".join(_shape(each) for each in schema[union])
    if schema.get("type") == "array" and "items" in schema:
        return f"array of {_shape(schema['items'])}"
    return escape(shape_text(schema))


def _marked(text: str) -> str:
    """Text in which single backticks mark code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _code(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
