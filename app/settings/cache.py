"""Where finished answers are cached, and the Redis or Valkey that replicas share."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from app.settings.names import variable
from app.settings.values import RedisUrl
from app.settings.variants import Variant

MAX_TTL_S = 30 * 24 * 3600


class CacheSettings(BaseSettings):
    """The answer cache, and the address of Redis, which limits are shared through as well."""

    cache: Literal["none", "memory", "redis"] = Field(
        default="none", description="Where answers are kept: nowhere, in this replica, or in Redis for all replicas."
    )
    cache_ttl_s: int = Field(
        default=24 * 3600,
        ge=1,
        le=MAX_TTL_S,
        description="Seconds that an answer is kept, unless the index changes before.",
    )
    cache_memory_mib: int = Field(
        default=32, ge=1, le=65_536, description="Maximum memory of the cache in this replica."
    )
    cache_min_similarity: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Cosine similarity at which a question may get the answer to one worded differently; unset: never.",
    )
    cache_timeout_s: float = Field(
        default=0.008,
        ge=0.001,
        le=1,
        description="Time limit for one call of Redis; a question that exceeds it is answered as if nothing were kept.",
    )

    redis_url: RedisUrl | None = Field(
        default=None, description="Address of Redis or Valkey: `redis://host:6379/0`, or `rediss://` for TLS."
    )
    redis_username: str | None = Field(default=None, description="User at Redis, if not the default one.")
    redis_password: SecretStr | None = Field(default=None, description="Password of Redis.")

    @model_validator(mode="after")
    def _redis_has_an_address(self) -> Self:
        if self.redis_url:
            return self
        if self.cache == "redis":
            raise ValueError(f"{variable('cache')}=redis needs {variable('redis_url')}; set what is missing")
        if stray := [variable(name) for name in ("redis_username", "redis_password") if getattr(self, name)]:
            raise ValueError(
                f"{', '.join(stray)} would have no effect without {variable('redis_url')}; unset or set that"
            )
        return self


VARIANTS = (
    Variant("cache", "memory", "redis", optional=("cache_ttl_s", "cache_min_similarity")),
    Variant("cache", "memory", optional=("cache_memory_mib",)),
    Variant("cache", "redis", optional=("cache_timeout_s",)),
)
