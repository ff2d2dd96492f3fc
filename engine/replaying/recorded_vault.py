"""The surroundings of a run again: variables as they were recorded, secrets of whoever runs it."""

from engine.contracts.surroundings import SameForAll, Surroundings, Vault
from engine.journal.head import Head
from engine.journal.shape import RecordingError


def recorded_vault(head: Head, vault: Vault | None) -> Vault:
    """Return what the graph of a recording may use.

    Args:
        head: of the recording.
        vault: of whoever runs it again; they have nothing when absent.

    Raises:
        RecordingError: it uses secrets that they do not have.
    """
    own = Surroundings() if vault is None else vault.of("")
    lacking = [f"${{secret.{name}}}" for name in head.secrets if name not in own.secrets]
    if lacking:
        more = f" and {len(lacking) - 10} more" if len(lacking) > 10 else ""
        raise RecordingError(
            f"it uses secrets, which no recording has, and that are not here: {', '.join(lacking[:10])}{more}"
        )
    return SameForAll(Surroundings({**own.env, **head.env}, own.secrets))
