"""Which issuers' tokens are accepted besides API keys, and which of their claims mean what."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from app.security.hosts import is_loopback
from app.settings.names import variable
from app.settings.values import service_url, split_at_commas

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Only signatures made with a private key of the issuer; shared secrets and `none` are not supported."""


def _issuer_url(value: str) -> str:
    """Keep the address exactly as written, because tokens contain it like that."""
    parts = urlsplit(service_url(value))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("it must be an https:// address, or anyone on the way could hand out keys of their own")
    return value


IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]


class IdentitySettings(BaseSettings):
    """OpenID Connect. Without issuers, only API keys are accepted."""

    oidc_issuers: Annotated[tuple[IssuerUrl, ...], NoDecode, BeforeValidator(split_at_commas)] = Field(
        default=(), description="Issuers, comma-separated, exactly as in the claim `iss` of their tokens."
    )
    oidc_audience: str | None = Field(
        default=None, min_length=1, description="What the claim `aud` must contain: the issuer's name for this service."
    )
    oidc_jwks_url: IssuerUrl | None = Field(
        default=None,
        description="Address of the keys, if there is a single issuer; by default as in its discovery document.",
    )
    oidc_algorithms: Annotated[tuple[Algorithm, ...], NoDecode, BeforeValidator(split_at_commas)] = Field(
        default=("RS256", "ES256"),
        min_length=1,
        description="Accepted signature algorithms, comma-separated.",
    )
    oidc_tenant_claim: str = Field(default="tenant", min_length=1, description="Claim that holds the tenant's name.")
    oidc_groups_claim: str | None = Field(
        default=None, description="Claim that lists access groups; unset: holders see every document of their tenant."
    )
    oidc_scopes_claim: str = Field(
        default="scope", min_length=1, description="Claim that grants `query`, `ingest` and `admin`: a text or a list."
    )

    oidc_client_id: str | None = Field(
        default=None,
        min_length=1,
        description="The page's client id at the first issuer; if set, people sign in there.",
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The page's client secret there; unset: a public client, protected by PKCE alone.",
    )

    @model_validator(mode="after")
    def _oidc_is_complete(self) -> Self:
        fields = [name for name in IdentitySettings.model_fields if name in self.model_fields_set]
        if fields and not self.oidc_issuers:
            stray = ", ".join(variable(name) for name in fields)
            raise ValueError(f"{stray} would have no effect without RAGSPAN_OIDC_ISSUERS; unset or set it")
        if self.oidc_issuers and not self.oidc_audience:
            raise ValueError(
                "RAGSPAN_OIDC_ISSUERS needs RAGSPAN_OIDC_AUDIENCE, or a token made for another service would open this "
                "one; set it to the name or address under which the issuer knows this service"
            )
        if self.oidc_client_secret and not self.oidc_client_id:
            raise ValueError("RAGSPAN_OIDC_CLIENT_SECRET would have no effect without RAGSPAN_OIDC_CLIENT_ID; set it")
        if self.oidc_jwks_url and len(self.oidc_issuers) > 1:
            raise ValueError(
                f"RAGSPAN_OIDC_JWKS_URL holds the keys of one issuer, and RAGSPAN_OIDC_ISSUERS has "
                f"{len(self.oidc_issuers)}; unset it and let each be discovered"
            )
        return self
