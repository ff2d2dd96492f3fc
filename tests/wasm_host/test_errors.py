"""The sandbox's errors: what users read of them stays as it is, whatever the classes are called."""

from wasm_host.errors import CpuLimitError, SandboxError


def reported_names(kind: type[SandboxError]) -> list[str]:
    """The names that users read of all errors of a kind."""
    return [
        name
        for each in kind.__subclasses__()
        for name in (each.reported_as or each.__name__, *reported_names(each))
    ]


def test_the_names_that_users_read_are_these() -> None:
    """People look them up in the documentation, and graphs match them on their error ports."""
    assert sorted(reported_names(SandboxError)) == [
        "CpuLimitExceeded",
        "GuestFault",
        "GuestTrapped",
        "HostError",
        "InitializeError",
        "LimitExceeded",
        "MemoryLimitExceeded",
        "ModuleError",
        "OutputLimitExceeded",
        "ProgramError",
        "ProtocolViolation",
        "SandboxClosed",
        "StackLimitExceeded",
        "TooManyInstances",
        "WallTimeExceeded",
    ]


def test_an_error_is_reported_under_its_public_name() -> None:
    """With what it says."""
    error = CpuLimitError("one invocation computed for 5 ms", "cpu_ms", 5).error
    assert (error.name, error.message) == ("CpuLimitExceeded", "one invocation computed for 5 ms")


def test_a_kind_s_public_name_is_not_that_of_another() -> None:
    """A class that is derived from one with a public name has one of its own."""
    names = reported_names(SandboxError)
    assert len(names) == len(set(names))
