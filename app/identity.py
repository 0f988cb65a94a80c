"""Which ways to sign in the settings choose, and the client that asks their issuers, closed with the service."""

from typing import TYPE_CHECKING, Self

from app.security.api_keys import ApiKeys
from app.security.principal import Authenticator
from app.security.sessions import Sessions
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.http_client import HttpClient


class Identity:
    """`authenticators` in the order in which the gate asks them; none where nobody has to sign in.

    `sessions` are the page's, likewise None.
    """

    def __init__(self, settings: Settings) -> None:
        self.authenticators: list[Authenticator] = []
        self._client: HttpClient | None = None
        if settings.oidc_issuers:
            self._add_tokens(settings)
        if settings.api_keys:
            self.authenticators.append(ApiKeys(settings.api_keys))
        self.sessions: Sessions | None = None
        if self.authenticators:
            secret = settings.session_secret
            self.sessions = Sessions(settings.api_keys, secret.get_secret_value() if secret else None)
            self.authenticators.append(self.sessions)

    def _add_tokens(self, settings: Settings) -> None:
        from app.adapters.http_client import HttpClient  # noqa: PLC0415
        from app.adapters.oidc import FETCH_TIMEOUT_S, OidcIssuer  # noqa: PLC0415
        from app.security.bearer_tokens import BearerTokens  # noqa: PLC0415 - with its cryptography, for OIDC alone
        from app.security.claims import ClaimNames  # noqa: PLC0415
        from app.security.issuer_keys import IssuerKeys  # noqa: PLC0415

        assert settings.oidc_audience, "checked by Settings"  # noqa: S101
        self._client = client = HttpClient(FETCH_TIMEOUT_S)
        issuers = [OidcIssuer(client, issuer, settings.oidc_jwks_url) for issuer in settings.oidc_issuers]
        claims = ClaimNames(
            tenant=settings.oidc_tenant_claim, scopes=settings.oidc_scopes_claim, groups=settings.oidc_groups_claim
        )
        tokens = BearerTokens(
            {issuer.issuer: IssuerKeys(issuer.keys) for issuer in issuers},
            audience=settings.oidc_audience,
            algorithms=settings.oidc_algorithms,
            claims=claims,
        )
        self.authenticators.append(tokens)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._client:
            await self._client.__aexit__()
