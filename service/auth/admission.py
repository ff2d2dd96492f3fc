"""The admission of HTTP requests: who may come in, and for whom they act, whichever way a request is answered."""

from collections.abc import Mapping
from contextvars import Token
from typing import Any

from service.auth.authenticator import METRICS, Authenticator, access_to, credentials_of, named_org
from service.auth.caller import ANONYMOUS, CURRENT_CALLER, ONLOOKER, UNRESTRICTED, Caller
from service.auth.loopback import check_local_request
from service.readiness import Readiness
from service.settings.table import Settings

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Admission:
    """The door.

    Args:
        settings: the settings of who is served.
        readiness: whether the service takes work.
        authenticator: recognises callers; None where callers are not asked who they are.
    """

    def __init__(self, settings: Settings, readiness: Readiness, authenticator: Authenticator | None) -> None:
        self._settings = settings
        self._is_loopback_only = settings.loopback_only
        self._readiness = readiness
        self._authenticator = authenticator

    def check_origin(self, headers: Any) -> None:
        """Refuse what comes from elsewhere, where only this machine is served; ``headers`` have ``get(name)``.

        Raises:
            ForeignCallerError: it does.
        """
        if self._is_loopback_only:
            check_local_request(headers, self._settings.access.cors_origins)

    async def admit(
        self, headers: Any, cookies: Mapping[str, str], *, scheme: str, method: str, rule: str | None
    ) -> Token[Caller]:
        """Let the present task act for the caller of a request; what is returned ends that.

        Args:
            headers: with ``getlist(name)``.
            cookies: by name.
            scheme: http or https.
            method: of the request.
            rule: the pattern of its route; None where there is no such route, which is all that anybody hears.

        Raises:
            StoppingError: the request wants work to be done, and none is taken any more.
            RefusalError: the caller is not recognised, or may not act for the organisation that they name.
        """
        if method not in _READING:
            self._readiness.check()
        return CURRENT_CALLER.set(await self._recognise(headers, cookies, scheme, method, rule))

    async def _recognise(
        self, headers: Any, cookies: Mapping[str, str], scheme: str, method: str, rule: str | None
    ) -> Caller:
        if self._authenticator is None:
            return UNRESTRICTED
        if rule is None:
            return ANONYMOUS
        access = access_to(rule, method)
        if access == "open" or (rule in METRICS and self._settings.access.metrics_access == "open"):
            return ANONYMOUS
        credentials = credentials_of(headers, cookies, scheme, self._settings.access.cors_origins)
        if access != "required" or method not in _READING or self._settings.access.read_access != "open":
            return await self._authenticator.caller(access, credentials, named_org(headers))
        caller = await self._authenticator.caller("optional", credentials, named_org(headers))
        return ONLOOKER if caller is ANONYMOUS else caller
