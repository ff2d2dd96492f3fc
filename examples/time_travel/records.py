"""Prints the countries of ISO 3166-1, one a line, from the JSON files that the package pycountry ships."""

import json
from importlib import resources

FILE = resources.files("pycountry") / "databases" / "iso3166-1.json"

if __name__ == "__main__":
    for record in json.loads(FILE.read_text(encoding="utf-8"))["3166-1"]:
        print(json.dumps(record, ensure_ascii=False))
