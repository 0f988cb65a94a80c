"""Whose tokens open the answer service, beside API keys, and which of their claims say what."""

from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from infra.config.cidr import Cidr
from infra.config.secrets import SecretKey
from infra.config.section import FlipsTo, Section, refuse

HTTPS_PORT = 443
Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
HttpsUrl: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[1-9][0-9]{0,4})?(/[^\s?#,]*)?$")
]
Claim: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\S{1,200}$")]


class Oidc(Section):
    """OpenID Connect: the answer service fetches the issuers' keys, and takes tokens that one of them signed."""

    issuers: Annotated[tuple[HttpsUrl, ...], Field(min_length=1), FlipsTo(("https://other.example",))]
    """As the claim `iss` of their tokens has them, to the letter."""
    audience: Annotated[Claim, FlipsTo("other")]
    """What the claim `aud` must name: this service, as the issuers know it."""
    jwks_url: Annotated[HttpsUrl, FlipsTo("https://other.example/keys")] | None = None
    """Address of the keys, if there is a single issuer; by default as in its discovery document."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1), FlipsTo(("ES384",))] = ("RS256", "ES256")
    """Signature algorithms that are accepted."""
    tenant_claim: Annotated[Claim, FlipsTo("other")] = "tenant"
    """Claim that holds the tenant's name."""
    groups_claim: Annotated[Claim, FlipsTo("other")] | None = None
    """Claim that lists access groups; without it, holders see every document of their tenant."""
    scopes_claim: Annotated[Claim, FlipsTo("other")] = "scope"
    """Claim that grants `query`, `ingest` and `admin`: a text or a list."""
    client_id: Annotated[Claim, FlipsTo("other")] | None = None
    """The page's name at the first issuer; with it, people sign in to the page there."""
    client_secret: SecretKey | None = None
    """The page's secret at the first issuer; without it, it is a public client, protected by PKCE alone."""
    cidr: Annotated[Cidr, FlipsTo("10.8.0.0/16")] | None = None
    """Network of the issuers' addresses: pods may open connections to nothing else there. Without it, to any public
    address, since a network policy knows no names; HTTPS on port 443 only."""

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that issuers and keys are reached at, each once."""
        urls = (*self.issuers, *([self.jwks_url] if self.jwks_url else []))
        return tuple(sorted({urlsplit(url).port or HTTPS_PORT for url in urls}))

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.jwks_url and len(self.issuers) > 1:
            raise refuse(
                "one address of keys cannot serve several issuers",
                key="jwks_url",
                value=self.jwks_url,
                allowed="jwks_url with one issuer",
                remedy="leave it out, and each issuer's discovery document says where its keys are",
            )
        if self.client_secret and self.client_id is None:
            raise refuse(
                "a secret belongs to a client",
                key="client_secret",
                value=self.client_secret.name,
                allowed="client_secret with client_id",
                remedy="add client_id, the page's name at the issuer, or leave the secret out",
            )
        if self.cidr is None and self.ports != (HTTPS_PORT,):
            raise refuse(
                f"pods reach public addresses on port {HTTPS_PORT} only",
                key="issuers",
                value=", ".join(self.issuers),
                allowed=f"addresses with port {HTTPS_PORT}, or any port within `cidr`",
                remedy="add the cidr of the issuers' network",
            )
        return self
