"""The demo's data, and what plain Python makes of it: the yardstick, which shares no code with the graph."""

import json
from importlib import resources
from typing import Any

Record = dict[str, Any]

SOURCES = {"languages": "639-3", "countries": "3166-1", "subdivisions": "3166-2"}
"""The lists by their names in the demo, with the number of the ISO standard that each comes from."""

SPOKEN = {"L", "C"}
"""ISO 639-3 language types that the graph lets through: living and constructed."""


def read_records() -> list[Record]:
    """Every record as the message that carries it: `{"list": ..., "record": {...}}`, list by list."""
    return [
        {"list": name, "record": record} for name, standard in SOURCES.items() for record in _read_list(standard)
    ]


def expect() -> dict[str, list[Record]]:
    """What must reach the collector under each path, in this order."""
    languages, countries, subdivisions = (_read_list(standard) for standard in SOURCES.values())
    gone = [each for each in languages if each["type"] not in SPOKEN]
    return {
        "languages": [
            {"code": each["alpha_3"], "name": each["name"]} for each in languages if each["type"] in SPOKEN
        ],
        "countries": [{"code": each["alpha_3"], "name": f"{each['flag']} {each['name']}"} for each in countries],
        "subdivisions": [
            {
                "code": each["code"],
                "country": each["code"].partition("-")[0],
                "name": each["name"],
                "type": each["type"],
            }
            for each in subdivisions
        ],
        "rejected": [
            {
                "list": "languages",
                "code": each["alpha_3"],
                "name": each["name"],
                "type": each["type"],
                "flag": None,
            }
            for each in gone
        ],
    }


def _read_list(standard: str) -> list[Record]:
    """The records of one ISO standard, from the JSON files that the package pycountry ships."""
    file = resources.files("pycountry") / "databases" / f"iso{standard}.json"
    records: list[Record] = json.loads(file.read_text(encoding="utf-8"))[standard]
    return records
