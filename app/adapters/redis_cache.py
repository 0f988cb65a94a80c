"""The answer cache in Redis or Valkey, shared by all replicas and surviving their restarts.

Values are whole answers with their passages, so whoever can read this Redis can read them. Memory is limited by Redis
itself, with `maxmemory` and an eviction policy such as `allkeys-lru`.
"""

from app.adapters.redis_connection import RedisConnection, RedisRefused, Reply
from app.ports import DependencyUnavailable, Health

ANSWER = "ragspan:answer:"
LATEST = "ragspan:latest:"
MAX_LATEST = 128
"""Per partition; with 1024 dimensions a look-up reads some 300 KB."""

OF_ANOTHER_TYPE = "WRONGTYPE"
"""How Redis begins its refusal of a command that such a value does not have."""

ADD = """
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then redis.call('DEL', KEYS[1]) end
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
"""A script, so that all or nothing is done: a list without its expiry would stay for ever."""


class RedisCache:
    """Implements `ports.AnswerCache`. Each call ends within `timeout_s`."""

    def __init__(self, connection: RedisConnection, ttl_s: int, timeout_s: float) -> None:
        self._connection, self._ttl_s, self._timeout_s = connection, ttl_s, timeout_s

    async def get(self, key: str) -> bytes | None:
        value = await self._read("GET", ANSWER + key)
        if value is None or isinstance(value, bytes):
            return value
        raise DependencyUnavailable("cache", "Redis answered GET with something else than a value")

    async def put(self, key: str, value: bytes) -> None:
        await self._connection.call("SET", ANSWER + key, value, "EX", self._ttl_s, timeout_s=self._timeout_s)

    async def latest(self, partition: str) -> list[bytes]:
        values = await self._read("LRANGE", LATEST + partition, 0, -1)
        return [value for value in values if isinstance(value, bytes)] if isinstance(values, list) else []

    async def add(self, partition: str, value: bytes) -> None:
        wanted = (1, LATEST + partition, value, MAX_LATEST - 1, self._ttl_s)
        await self._connection.call("EVAL", ADD, *wanted, timeout_s=self._timeout_s)

    async def _read(self, *command: str | int) -> Reply:
        """Return the reply; None for a value of another type, which somebody else left there: it is no answer."""
        try:
            return await self._connection.call(*command, timeout_s=self._timeout_s)
        except RedisRefused as error:
            if error.code != OF_ANOTHER_TYPE:
                raise
            return None

    async def health(self) -> Health:
        return await self._connection.health()

    async def close(self) -> None:
        await self._connection.close()
