"""Random operations of many holders of keys, through the whole service: what each gets is held against whose it is."""

import random
import re
from pathlib import Path

import httpx

from app.composition import open_adapters
from app.security.api_keys import key_entry, new_key
from tests.app.api.conftest import serving

HOLDERS: dict[str, tuple[str, list[str]]] = {
    "a-all": ("acme", []), "a-hr": ("acme", ["hr"]), "a-it": ("acme", ["it"]),
    "g-all": ("globex", []), "g-hr": ("globex", ["hr"]),
}  # fmt: skip
NAMES = 20
"""So many documents of each tenant and group; then each is there already, in the same words."""
KEYS = {name: new_key() for name in HOLDERS}
QUESTIONS = ("What is the secret?", "Which secret is there, and whose?")
MARK = re.compile(r"secret-([a-z]+)-([a-z]+)-\d+")


class Holder:
    """One key and what it may see."""

    def __init__(self, client: httpx.AsyncClient, name: str, chance: random.Random) -> None:
        self.tenant, self.groups = HOLDERS[name]
        self._client, self._chance, self._headers = client, chance, {"X-API-Key": KEYS[name]}

    async def act(self, number: int, known: set[str]) -> str:
        """Do something by chance; return all that came back."""
        path = f"/v1/documents/{self._chance.choice(sorted(known))}" if known else "/v1/documents"
        match self._chance.choices(("ask", "retrieve", "list", "put", "get", "delete"), (6, 3, 1, 4, 2, 1))[0]:
            case "put":
                return await self._put(number, known)
            case "delete":
                response = await self._client.delete(path, headers=self._headers)
            case "get" | "list" as what:
                address = path if what == "get" else "/v1/documents"
                response = await self._client.get(address, headers=self._headers)
            case what:
                body = {"query": self._chance.choice(QUESTIONS), "top_k": 50}
                address = "/v1/query" if what == "ask" else "/v1/retrieve"
                response = await self._client.post(address, json=body, headers=self._headers)
        assert response.status_code in {200, 204, 404, 405}, response.text
        return response.text

    async def _put(self, number: int, known: set[str]) -> str:
        group = self._chance.choice(self.groups or ["open", "hr", "it"])
        name = f"secret-{self.tenant}-{group}-{number % NAMES}"
        text = f"What is the secret? It is {name}."
        form = {"groups": "*" if group == "open" else group}
        files = {"file": (f"{name}.txt", text.encode())}
        response = await self._client.post("/v1/documents", data=form, files=files, headers=self._headers)
        known.add(response.json()["doc_id"])
        return response.text

    def may_see(self, tenant: str, group: str) -> bool:
        return tenant == self.tenant and (not self.groups or group in (*self.groups, "open"))


async def check_isolation(data_dir: Path, operations: int) -> None:
    """Raise AssertionError at the first who gets what is another's, or if they do not get what is theirs."""
    chance, known, seen = random.Random(5), set[str](), 0
    entries = ",".join(key_entry(name, tenant, KEYS[name], groups) for name, (tenant, groups) in HOLDERS.items())
    async with serving(open_adapters, data_dir=data_dir, api_keys=entries, cache="memory") as client:
        holders = {name: Holder(client, name, chance) for name in HOLDERS}
        for number in range(operations):
            name, holder = chance.choice(list(holders.items()))
            marks = MARK.findall(await holder.act(number, known))
            assert [mark for mark in marks if not holder.may_see(*mark)] == [], (number, name)
            seen += len(marks)
        metrics = (await client.get("/metrics")).text
    assert seen > operations, "the documents were found by those whose they are"
    assert not re.search("acme|globex|a-hr|a-all", metrics)
    assert 'rag_cache_requests_total{result="exact"} 0.0' not in metrics, "answers were kept and given again"
