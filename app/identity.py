"""The ways to sign in that the settings choose, and the HTTP client that asks OpenID Connect issuers."""

import secrets
from typing import TYPE_CHECKING, Self

from app.security.api_keys import ApiKeys
from app.security.principal import Authenticator
from app.security.sessions import Sessions
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.http_client import HttpClient
    from app.security.oidc_sign_in import OidcSignIn


class Identity:
    """Authenticators, sessions and sign-in of one deployment.

    `authenticators` are tried by the gate in this order; there are none if nobody has to sign in. `sessions` are those
    of the page, None likewise. `sign_in` signs people in at an issuer; None without a client for it.
    """

    def __init__(self, settings: Settings) -> None:
        self.authenticators: list[Authenticator] = []
        self.sessions: Sessions | None = None
        self.sign_in: OidcSignIn | None = None
        self._client: HttpClient | None = None
        if settings.api_keys or settings.oidc_issuers:
            given = settings.session_secret
            secret = given.get_secret_value().encode() if given else secrets.token_bytes(32)
            self.sessions = Sessions(settings.api_keys, secret)
            if settings.oidc_issuers:
                self._add_issuers(settings, secret, self.sessions)
            if settings.api_keys:
                self.authenticators.append(ApiKeys(settings.api_keys))
            self.authenticators.append(self.sessions)

    def _add_issuers(self, settings: Settings, secret: bytes, sessions: Sessions) -> None:
        from app.adapters.http_client import HttpClient  # noqa: PLC0415
        from app.adapters.oidc import FETCH_TIMEOUT_S, OidcIssuer  # noqa: PLC0415
        from app.security.bearer_tokens import BearerTokens  # noqa: PLC0415 - its cryptography is needed for OIDC alone
        from app.security.claims import ClaimNames  # noqa: PLC0415
        from app.security.issuer_keys import IssuerKeys  # noqa: PLC0415
        from app.security.oidc_sign_in import OidcSignIn  # noqa: PLC0415
        from app.security.signing import Signer  # noqa: PLC0415

        assert settings.oidc_audience, "checked by Settings"  # noqa: S101
        self._client = client = HttpClient(FETCH_TIMEOUT_S)
        issuers = [OidcIssuer(client, issuer, settings.oidc_jwks_url) for issuer in settings.oidc_issuers]
        keys = {issuer.issuer: IssuerKeys(issuer.keys) for issuer in issuers}
        claims = ClaimNames(
            tenant=settings.oidc_tenant_claim, scopes=settings.oidc_scopes_claim, groups=settings.oidc_groups_claim
        )
        algorithms, client_id, given = settings.oidc_algorithms, settings.oidc_client_id, settings.oidc_client_secret
        self.authenticators.append(
            BearerTokens(keys, audience=settings.oidc_audience, algorithms=algorithms, claims=claims)
        )
        if client_id:
            self.sign_in = OidcSignIn(
                issuer=issuers[0],
                tokens=BearerTokens(keys, audience=client_id, algorithms=algorithms, claims=claims),
                client_id=client_id,
                client_secret=given.get_secret_value() if given else None,
                signer=Signer(secret, "sign-in"),
                sessions=sessions,
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._client:
            await self._client.__aexit__()
