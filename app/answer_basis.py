"""What every answer of a deployment depends on besides the question and the documents. It is part of the cache key, so
a change here starts a new, empty part of the answer cache.
"""

import json
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version

from app.ports import IndexIdentity
from app.rag.prompt import RULES
from app.settings import Settings

OF_NO_ANSWER = frozenset({
    "host", "port", "allowed_hosts", "api_keys", "max_active_queries", "max_waiting_queries", "log_level",
    "data_dir", "cache", "cache_ttl_s", "cache_memory_mib", "cache_timeout_s", "cache_min_similarity",
    "redis_url", "redis_username", "redis_password",
})  # fmt: skip
"""Settings that do not affect answers. Leaving one out is harmless: it only splits the cache unnecessarily."""


def answer_basis(settings: Settings, identity: IndexIdentity, model: str) -> str:
    """Return a hash of the program, its prompt, its settings, the index and the model."""
    parts = {
        "program": version("ragspan"),
        "prompt": RULES,
        "index": asdict(identity),
        "model": model,
        "settings": settings.model_dump(mode="json", exclude=set(OF_NO_ANSWER)),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
