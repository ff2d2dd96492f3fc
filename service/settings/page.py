"""The table of settings as Markdown; ``python -m service.settings.page`` prints it for docs/settings.md."""

from service.settings.table import TABLE, Row


def settings_table() -> str:
    """All settings as the rows of a Markdown table."""
    lines = ["| Variable | Default | Value | Description |", "|---|---|---|---|"]
    lines += [_line(row) for row in TABLE]
    return "\n".join(lines)


def _line(row: Row) -> str:
    variables = ", then ".join(f"`{variable}`" for variable in row.variables)
    default = f"`{row.default}`" if row.default else "unset"
    return f"| {variables} | {default} | {row.kind.expected} | {row.description.replace('<', '&lt;')} |"


if __name__ == "__main__":
    print(settings_table())  # noqa: T201  printing is what it is for
