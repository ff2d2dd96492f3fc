"""Settings of what graphs may take from around the service: variables of its environment, and secrets."""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from service.settings.kinds import Kind, Setting

_ALLOWED = re.compile(r"(?:([^\s,*?:]{1,100}):)?([A-Za-z_*?][\w*?]{0,200})", re.ASCII)
_FORMATS = (".json", ".yaml", ".yml", ".env")


class AllowedName(msgspec.Struct, frozen=True):
    """A name, or a pattern of names, that graphs may use; of one organisation where it names one."""

    pattern: str
    organisation: str = ""


def _read_allowed(text: str) -> tuple[AllowedName, ...]:
    allowed = []
    for item in text.split(","):
        found = _ALLOWED.fullmatch(item.strip())
        if found is None:
            raise ValueError
        allowed.append(AllowedName(found[2], found[1] or ""))
    return tuple(allowed)


def _read_file(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text or not text.lower().endswith(_FORMATS):
        raise ValueError
    return path


def _read_organisation(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._/:-]{1,100}|\*", text, re.ASCII):
        raise ValueError
    return text


class GraphValueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The names that graphs may use in placeholders, and whose graphs."""

    env_names: Annotated[
        tuple[AllowedName, ...],
        Setting(
            "GRAPH_ENV_NAMES",
            Kind(
                expected="names of variables, divided by commas, with * and ? for several, such as "
                "REGION,SHOP_*,ORG:NAME",
                read=_read_allowed,
            ),
            "The variables of the service's environment that graphs may use as ${env.NAME}: those of all "
            "organisations, or of the one before the colon. Variables that hold credentials of the service, and "
            "SECRET_*, are never among them.",
        ),
    ] = ()
    secrets_file: Annotated[
        Path | None,
        Setting(
            "SECRETS_FILE",
            Kind(expected="an absolute path that ends in .json, .yaml, .yml or .env", read=_read_file),
            "A file of secrets that graphs may use as ${secret.name}; SECRET_NAME and SECRET_NAME_FILE give "
            "further ones.",
        ),
    ] = None
    secrets_org_id: Annotated[
        str,
        Setting(
            "SECRETS_ORG_ID",
            Kind(expected="letters, digits and . _ / : -, at most 100 of them, or *", read=_read_organisation),
            "The organisation whose graphs may use the secrets of which nothing else is said; * for all. Unset, "
            "everybody's where nobody is asked who calls, and otherwise nobody's.",
        ),
    ] = ""
