"""Texts that name something, as their JSON Schemas describe them."""

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
"""A text that is not empty. The schema says so to whoever reads it; an empty one is decoded all the same, and
refused where the refusal can say what is missing, in the platform's words."""
