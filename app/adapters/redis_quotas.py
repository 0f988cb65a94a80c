"""Tenants' use across all replicas, counted in Redis or Valkey: one script per request, by Redis's own clock.

It counts as `replica_quotas` does. A place is a lease that expires, so that a replica that dies releases its own.
"""

from functools import cache
from hashlib import sha1
from typing import Literal

from app.adapters.redis_connection import RedisConnection, RedisRefused, Reply
from app.adapters.replica_quotas import WINDOW_S
from app.ports import DependencyUnavailable, Grant, Quota

TIMEOUT_S = 0.05
PREFIX = "ragspan:quota:"

_COMMON = """
local window = tonumber(ARGV[1])
local second = tonumber(redis.call('TIME')[1])
local function counted(key)
  local kept, all = {}, redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local at = tonumber(all[i])
    if at and at < second - window then
      redis.call('HDEL', key, all[i])
    elseif at then
      kept[#kept + 1] = {at, tonumber(all[i + 1])}
    end
  end
  return kept
end
local function used(key)
  local sum, at = unpack(redis.call('HMGET', key, 'sum', 'at'))
  if tonumber(at) == second then return tonumber(sum) end
  sum = 0
  for _, one in ipairs(counted(key)) do sum = sum + one[2] end
  redis.call('HSET', key, 'sum', sum, 'at', second)
  redis.call('EXPIRE', key, window + 2)
  return sum
end
local function add(key, at, amount)
  redis.call('HINCRBY', key, at, amount)
  redis.call('HINCRBY', key, 'sum', amount)
end
"""
"""A hash contains the amount used in each second, and the `sum` of those that count in second `at`, which is added up
once a second."""
ADMIT = (
    _COMMON
    + """
local requests, tokens, concurrent = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, lease, lease_s = math.min(tonumber(ARGV[5]), tokens), ARGV[6], tonumber(ARGV[7])
local function wait(key, excess)
  local kept = counted(key)
  table.sort(kept, function(a, b) return a[1] < b[1] end)
  for _, one in ipairs(kept) do
    excess = excess - one[2]
    if excess <= 0 then return one[1] + window + 1 - second end
  end
  return window + 1
end
if lease ~= '' and concurrent > 0 and redis.call('ZCARD', KEYS[3]) >= concurrent then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', second)
  if redis.call('ZCARD', KEYS[3]) >= concurrent then return {'concurrent', 1, 0, 0, second} end
end
local requests_used = requests > 0 and used(KEYS[1]) or 0
if requests > 0 and requests_used + 1 > requests then
  return {'requests', wait(KEYS[1], requests_used + 1 - requests), 0, 0, second}
end
local tokens_used = tokens > 0 and used(KEYS[2]) or 0
if wanted > 0 and tokens_used + wanted > tokens then
  return {'tokens', wait(KEYS[2], tokens_used + wanted - tokens), 0, 0, second}
end
if requests > 0 then add(KEYS[1], second, 1) end
if wanted > 0 then add(KEYS[2], second, wanted) end
if lease ~= '' and concurrent > 0 then
  redis.call('ZADD', KEYS[3], second + lease_s, lease)
  redis.call('EXPIRE', KEYS[3], lease_s + 1)
end
return {'', 0, requests_used + 1, tokens_used + wanted, second}
"""
)
SETTLE = (
    _COMMON
    + """
local tokens, at, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
if tokens > 0 then
  used(KEYS[2])
  add(KEYS[2], second, tokens)
elseif tokens < 0 and redis.call('HEXISTS', KEYS[2], at) == 1 then
  add(KEYS[2], at, tokens)
end
if lease ~= '' then redis.call('ZREM', KEYS[3], lease) end
return 1
"""
)
REFUSALS: dict[Reply, Literal["requests", "tokens", "concurrent"]] = {
    b"requests": "requests", b"tokens": "tokens", b"concurrent": "concurrent",
}  # fmt: skip


class RedisQuotas:
    """Implements `ports.QuotaLedger`. A place that was not given back becomes free after `lease_s`."""

    def __init__(self, connection: RedisConnection, lease_s: int, window_s: int = WINDOW_S) -> None:
        self._connection, self._lease_s, self._window_s = connection, lease_s, window_s

    async def admit(self, tenant: str, quota: Quota, tokens: int, lease: str) -> Grant:
        reply = await self._run(
            ADMIT, tenant, quota.requests, quota.tokens, quota.concurrent, tokens, lease, self._lease_s
        )
        match reply:
            case [bytes() as refused, int() as wait_s, int() as requests, int() as used, int() as second]:
                return Grant(
                    refused=REFUSALS.get(refused),
                    wait_s=wait_s,
                    requests_used=requests,
                    tokens_used=used,
                    second=second,
                )
            case _:
                raise DependencyUnavailable("redis", "Redis answered a script with something else than a grant")

    async def settle(self, tenant: str, grant: Grant, tokens: int, lease: str) -> None:
        await self._run(SETTLE, tenant, tokens, grant.second, lease)

    async def close(self) -> None:
        await self._connection.close()

    async def _run(self, script: str, tenant: str, *arguments: str | int) -> Reply:
        """Run the script by its hash, or send it whole if this Redis has not seen it."""
        keys = [f"{PREFIX}{{{tenant}}}:{what}" for what in ("requests", "tokens", "places")]
        rest = (len(keys), *keys, self._window_s, *arguments)
        try:
            return await self._connection.call("EVALSHA", _digest(script), *rest, timeout_s=TIMEOUT_S)
        except RedisRefused as error:
            if error.code != "NOSCRIPT":
                raise
            return await self._connection.call("EVAL", script, *rest, timeout_s=TIMEOUT_S)


@cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()
