"""The vault of a service, made of its settings and its environment when it starts.

Where callers are recognised, they share the service with others, and whoever may post a graph may send what it
holds anywhere. So a secret is an organisation's, or it is said to be for all: nothing is everybody's by default.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from engine.compile.placeholders import Placeholder
from engine.contracts.surroundings import Surroundings
from engine.documents.encodable import is_sayable
from engine.documents.mask import LONGEST_SECRET_CHARACTERS, SHORTEST_SECRET_CHARACTERS
from service.settings.graph_values import GraphValueSettings
from service.settings.table import TABLE, Settings, SettingsError
from service.vault.secrets_file import EVERYONE, UNSAID, SecretsError, read_secrets

PREFIX = "SECRET_"
FILE_SUFFIX = "_FILE"

MAX_FILE_BYTES = 1024 * 1024
"""Bytes of a file of secrets: thousands of them, or some hundred keys in PEM form."""

_NEVER = frozenset(variable for row in TABLE if row.kind.secret for variable in row.variables)
"""The variables that hold credentials of the service."""


class OperatorVault:
    """A vault that gives each organisation its own, and what is everyone's.

    Args:
        env: variables by organisation and name; those of ``EVERYONE`` are everybody's.
        secrets: likewise.
    """

    def __init__(self, env: Mapping[str, Mapping[str, str]], secrets: Mapping[str, Mapping[str, str]]) -> None:
        everyone = Surroundings(env.get(EVERYONE, {}), secrets.get(EVERYONE, {}))
        self._everyone = everyone
        self._own = {
            organisation: Surroundings(
                {**everyone.env, **env.get(organisation, {})},
                {**everyone.secrets, **secrets.get(organisation, {})},
            )
            for organisation in (env.keys() | secrets.keys()) - {EVERYONE}
        }

    def of(self, owner: str) -> Surroundings:
        """Return what the graphs of an organisation may use."""
        return self._own.get(owner, self._everyone)


def vault_of(settings: Settings, environment: Mapping[str, str]) -> OperatorVault:
    """Make the vault of a service with these settings; raises as :func:`read_vault` does."""
    are_callers_known = settings.identity.effective_auth == "identity"
    return read_vault(settings.graph_values, environment, are_callers_known=are_callers_known)


def read_vault(
    settings: GraphValueSettings, environment: Mapping[str, str], *, are_callers_known: bool
) -> OperatorVault:
    """Make the vault that the settings ask for.

    Args:
        settings: whose names are whose.
        environment: all variables.
        are_callers_known: whether the service knows of organisations.

    Raises:
        SettingsError: with everything that is wrong at once; no value is shown.
    """
    complaints: list[str] = []
    secrets: dict[str, dict[str, str]] = {}
    unsaid = settings.secrets_org_id or (UNSAID if are_callers_known else EVERYONE)
    for organisation, names in _from_file(settings.secrets_file, complaints).items():
        secrets.setdefault(organisation or unsaid, {}).update(names)
    for name, value in _from_environment(environment, complaints).items():
        if name in secrets.setdefault(unsaid, {}):
            complaints.append(f"{PREFIX}{name} is in SECRETS_FILE as well: give each secret once.")
        secrets[unsaid][name] = value
    secrets.pop(UNSAID, None)
    for names in secrets.values():
        complaints += [complaint for name, value in names.items() for complaint in _complaints(name, value)]
    if complaints:
        raise SettingsError(complaints)
    return OperatorVault(_variables(settings, environment), secrets)


def _from_file(path: Path | None, complaints: list[str]) -> Mapping[str, Mapping[str, str]]:
    if path is None:
        return {}
    text = _content(path, "SECRETS_FILE", complaints)
    try:
        return read_secrets(text, path.suffix)
    except SecretsError as error:
        complaints.append(f"SECRETS_FILE={str(path)!r} is not usable: {error}.")
        return {}


def _from_environment(environment: Mapping[str, str], complaints: list[str]) -> dict[str, str]:
    """Return the secrets that variables hold, or that stand in files which variables name."""
    secrets: dict[str, str] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or not environment[variable]:
            continue
        name, value = variable.removeprefix(PREFIX), environment[variable]
        if name.endswith(FILE_SUFFIX):
            name = name.removesuffix(FILE_SUFFIX)
            text = _content(Path(value), variable, complaints)
            value = text.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        if name in secrets:
            complaints.append(
                f"{PREFIX}{name} and {PREFIX}{name}{FILE_SUFFIX} are both set: give each secret once."
            )
        secrets[name] = value
    return secrets


def _content(path: Path, variable: str, complaints: list[str]) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        complaints.append(f"{variable} names a file that cannot be read: {reason}.")
        return b""
    if len(text) > MAX_FILE_BYTES:
        complaints.append(f"{variable} names a file of more than {MAX_FILE_BYTES} bytes.")
        return b""
    return text


def _complaints(name: str, value: str) -> list[str]:
    if not Placeholder("secret", name).is_well_formed:
        return [f"A secret is called {name!r}: its name is made of letters, digits, _ - and dots between them."]
    if not value.strip():
        return [f"The secret {name} is empty."]
    if not SHORTEST_SECRET_CHARACTERS <= len(value) <= LONGEST_SECRET_CHARACTERS:
        bounds = f"{SHORTEST_SECRET_CHARACTERS} to {LONGEST_SECRET_CHARACTERS}"
        return [f"The secret {name} has {len(value)} characters: {bounds} can be kept out of logs and replies."]
    return [] if is_sayable(value) else [f"The secret {name} is not UTF-8."]


def _variables(settings: GraphValueSettings, environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the variables that graphs may use, by organisation."""
    allowed: dict[str, dict[str, str]] = {}
    for entry in settings.env_names:
        names = allowed.setdefault(entry.organisation or EVERYONE, {})
        for variable, value in environment.items():
            is_ours = variable in _NEVER or variable.startswith(PREFIX)
            if not is_ours and is_sayable(value) and fnmatchcase(variable, entry.pattern):
                names[variable] = value
    return allowed
