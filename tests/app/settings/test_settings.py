"""Every setting is checked at start, and each fault is one sentence that says what to do."""

import os
import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from app.ports import Quota
from app.security.api_keys import hash_key, key_entry, new_key
from app.settings import Settings, SettingsError, environment_names, load_settings
from app.settings.errors import describe

KEY = new_key()
KEYS = key_entry("ci", "acme", KEY)
CHAT = {"GENERATOR": "openai", "GENERATOR_URL": "http://llm:8000/v1/", "GENERATOR_MODEL": "m"}
WEAVIATE = {"VECTOR_STORE": "weaviate", "WEAVIATE_URL": "http://weaviate:8080"}
OIDC = {"OIDC_ISSUERS": "https://idp.example/", "OIDC_AUDIENCE": "ragspan"}

PGVECTOR = {"VECTOR_STORE": "pgvector", "PGVECTOR_URL": "postgresql://db/rag"}


def settings(**variables: str) -> Settings:
    """Load settings from these variables alone, named without their prefix."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("RAGSPAN_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(f"RAGSPAN_{name}", value)
        return load_settings()


def problems(**variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    return "\n".join(caught.value.problems)


def test_nothing_set_gives_the_embedded_defaults_on_loopback() -> None:
    s = settings()
    assert (s.host, s.port, s.vector_store, s.embedder, s.generator) == (
        ("127.0.0.1", 8000, "embedded", "embedded", "extractive")
    )
    assert (s.top_k, s.max_query_chars, s.max_upload_bytes, s.request_timeout_s) == (5, 4000, 20 * 2**20, 20)


def test_an_empty_variable_is_an_unset_one() -> None:
    assert settings(PORT="", GENERATOR_URL="").port == 8000


def test_an_issuer_opens_the_network_as_keys_do_and_keeps_its_name_to_the_letter() -> None:
    s = settings(HOST="0.0.0.0", **OIDC)
    assert (s.oidc_issuers, s.oidc_algorithms) == (("https://idp.example/",), ("RS256", "ES256"))


def test_a_tenant_may_have_limits_of_its_own() -> None:
    s = settings(TENANT_QUOTAS="acme:1:2:3, globex:0:0:0", TENANT_REQUESTS_PER_MINUTE="9")
    assert s.quota_of("acme") == Quota(requests=1, tokens=2, concurrent=3)
    assert (s.quota_of("globex"), s.quota_of("other")) == (Quota(), Quota(requests=9))
    assert (s.limits_tenants, settings().limits_tenants) == (True, False)


def test_a_misspelt_variable_is_named_with_the_nearest_one() -> None:
    assert problems(GENERATOR_ULR="x") == (
        "RAGSPAN_GENERATOR_ULR is not a setting of ragspan; did you mean RAGSPAN_GENERATOR_URL? Rename it or unset it."
    )


def test_every_fault_is_reported_at_once() -> None:
    text = problems(PROT="1", PORT="seventy", TOP_K="0")
    assert [line.split("=")[0].split()[0] for line in text.splitlines()] == [
        "RAGSPAN_PROT", "RAGSPAN_PORT", "RAGSPAN_TOP_K",
    ]  # fmt: skip
    assert "RAGSPAN_PORT='seventy' is refused" in text


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GENERATOR": "openai"}, "RAGSPAN_GENERATOR=openai needs RAGSPAN_GENERATOR_URL, RAGSPAN_GENERATOR_MODEL"),
        ({"VECTOR_STORE": "weaviate"}, "RAGSPAN_VECTOR_STORE=weaviate needs RAGSPAN_WEAVIATE_URL"),
        ({"EMBEDDER": "openai"}, "RAGSPAN_EMBEDDER_TOKENIZER_FILE"),
        ({"RERANKER": "tei"}, "RAGSPAN_RERANKER=tei needs RAGSPAN_RERANKER_URL;"),
        ({"RERANKER": "nim", "RERANKER_URL": "http://nim/v1"}, "RAGSPAN_RERANKER=nim needs RAGSPAN_RERANKER_MODEL;"),
        ({"RERANK_TIMEOUT_S": "2"}, "with RAGSPAN_RERANKER=none; unset or set RAGSPAN_RERANKER=nim or tei"),
        (
            {"RERANKER": "tei", "RERANKER_URL": "http://tei", "RERANKER_MODEL": "m"},
            "RAGSPAN_RERANKER_MODEL would have no effect with RAGSPAN_RERANKER=tei; unset or set RAGSPAN_RERANKER=nim",
        ),
        ({"GENERATOR_MODEL": "m"}, "RAGSPAN_GENERATOR_MODEL would have no effect with RAGSPAN_GENERATOR=extractive"),
        ({**WEAVIATE, "DATA_DIR": "/data"}, "RAGSPAN_DATA_DIR would have no effect with RAGSPAN_VECTOR_STORE=weaviate"),
        ({"VECTOR_STORE": "chroma"}, "'embedded', 'weaviate'"),
        ({"VECTOR_STORE": "pgvector"}, "RAGSPAN_VECTOR_STORE=pgvector needs RAGSPAN_PGVECTOR_URL; set what is missing"),
        ({**PGVECTOR, "PGVECTOR_URL": "postgresql://db"}, "with a host and a database, e.g. postgresql://db:5432/rag"),
        ({**PGVECTOR, "PGVECTOR_CA_FILE": "/no/such.pem"}, "there is no such file"),
        ({"VECTOR_STORE": "qdrant"}, "RAGSPAN_VECTOR_STORE=qdrant needs RAGSPAN_QDRANT_URL; set what is missing"),
        ({"VECTOR_STORE": "milvus"}, "RAGSPAN_VECTOR_STORE=milvus needs RAGSPAN_MILVUS_URL; set what is missing"),
        ({"VECTOR_STORE": "pinecone"}, "needs RAGSPAN_PINECONE_URL, RAGSPAN_PINECONE_API_KEY; set what is missing"),
        ({"PGVECTOR_TLS": "false"}, "RAGSPAN_PGVECTOR_TLS would have no effect with RAGSPAN_VECTOR_STORE=embedded"),
        ({"EMBEDDER_TOKENIZER_FILE": "/no/such.json"}, "there is no such file"),
        ({"OTLP_ENDPOINT": "http://otel:4318/v1/traces"}, "it must end before /v1/traces, which is added"),
        (
            {"TRACE_SAMPLE_RATIO": "0.5"},
            "RAGSPAN_TRACE_SAMPLE_RATIO would have no effect without RAGSPAN_OTLP_ENDPOINT",
        ),
        (
            {"TENANT_QUOTAS": "acme:1:2"},
            "'acme:1:2' is not tenant:requests:tokens:concurrent, such as acme:600:100000:8",
        ),
        ({"TENANT_QUOTAS": "acme:1:2:3 acme:1:2:4"}, "two entries are for the tenant acme; leave one"),
        ({"OIDC_ISSUERS": "https://idp.example/"}, "RAGSPAN_OIDC_ISSUERS needs RAGSPAN_OIDC_AUDIENCE"),
        ({**OIDC, "OIDC_CLIENT_SECRET": "x"}, "RAGSPAN_OIDC_CLIENT_SECRET would have no effect without"),
        ({"SESSION_SECRET": "SECRET"}, "RAGSPAN_SESSION_SECRET"),
        ({"OIDC_AUDIENCE": "x"}, "RAGSPAN_OIDC_AUDIENCE would have no effect without RAGSPAN_OIDC_ISSUERS"),
        ({**OIDC, "OIDC_ISSUERS": "http://idp.example"}, "it must be an https:// address"),
        ({**OIDC, "OIDC_ALGORITHMS": "HS256"}, "RAGSPAN_OIDC_ALGORITHMS='HS256' is refused"),
        ({**OIDC, "OIDC_ALGORITHMS": "RS256,none"}, "RAGSPAN_OIDC_ALGORITHMS='RS256,none' is refused"),
        (
            {**OIDC, "OIDC_ISSUERS": "https://a.example,https://b.example", "OIDC_JWKS_URL": "https://a.example/k"},
            "RAGSPAN_OIDC_JWKS_URL holds the keys of one issuer, and RAGSPAN_OIDC_ISSUERS has 2",
        ),
        ({"HOST": "0.0.0.0"}, "RAGSPAN_HOST=0.0.0.0 is not a loopback address and RAGSPAN_API_KEYS is empty"),
        ({**CHAT, "GENERATOR_URL": "llm:8000"}, "it must be an http:// or https:// address"),
        ({"CACHE": "redis"}, "RAGSPAN_CACHE=redis needs RAGSPAN_REDIS_URL; set what is missing"),
        ({"REDIS_PASSWORD": "p"}, "RAGSPAN_REDIS_PASSWORD would have no effect without RAGSPAN_REDIS_URL"),
        ({"REDIS_URL": "valkey:6379"}, "it must be a redis:// or rediss:// address with a host"),
        ({"REDIS_URL": "redis://valkey/zero"}, "the number of a database alone"),
        ({"CACHE_TTL_S": "60"}, "with RAGSPAN_CACHE=none; unset or set RAGSPAN_CACHE=memory or redis"),
    ],
)
def test_what_does_not_fit_together_is_refused(variables: dict[str, str], sentence: str) -> None:
    assert sentence in problems(**variables)


@pytest.mark.parametrize(
    "content", [b"", b"<html>no such model</html>", b"version https://git-lfs.github.com/spec/v1\n", b'{"model": {"vo']
)
def test_a_tokenizer_file_that_is_no_whole_json_object_is_refused_at_start(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    sentence = (
        f"RAGSPAN_EMBEDDER_TOKENIZER_FILE='{file}' is refused: the file is no JSON object, or not the whole of it"
    )
    assert sentence in problems(EMBEDDER_TOKENIZER_FILE=str(file))
    file.write_bytes(b'\n {"model": {}, "more": "' + b"x" * 5000 + b'"}\n')
    assert "no JSON object" not in problems(EMBEDDER_TOKENIZER_FILE=str(file))


def test_a_secret_is_in_no_message_and_no_repr() -> None:
    text = problems(API_KEYS=f"ci:acme:{KEY}", PORT="x", **{**CHAT, "GENERATOR_URL": "http://user:hunter2@llm"})
    assert KEY not in text
    assert "hunter2" not in text
    s = settings(API_KEYS=KEYS, GENERATOR_API_KEY="hunter2", **CHAT)
    assert "hunter2" not in repr(s)
    assert hash_key(KEY) not in repr(s)


SECRET_FIELDS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
CANARY = "canary-secret-123"


@pytest.mark.parametrize("field", [*SECRET_FIELDS, "api_keys"])
def test_a_secret_that_is_refused_is_not_printed(field: str) -> None:
    why = {"error": ValueError("too bad")}
    fault = InitErrorDetails(type="value_error", loc=(field,), input=CANARY, ctx=why)
    refused = ValidationError.from_exception_data("Settings", [fault])
    [text] = describe(refused, Settings, {f"RAGSPAN_{field.upper()}": CANARY})
    assert text.startswith(f"RAGSPAN_{field.upper()} is refused: too bad. ")
    assert CANARY not in text


@pytest.mark.parametrize("key", [f"{CANARY}\u00e4", f"{CANARY} b", f"{CANARY}\nX-Admin: 1"])
@pytest.mark.parametrize(
    "field", [name for name in SECRET_FIELDS if name.endswith("_api_key") and "milvus" not in name]
)
def test_a_key_that_no_header_can_carry_is_refused_at_start(field: str, key: str) -> None:
    text = problems(**{field.upper(): key})
    assert "is refused: it has a character that no HTTP header can carry" in text
    assert CANARY not in text


def test_white_space_around_a_key_is_not_the_keys() -> None:
    key = settings(**CHAT, GENERATOR_API_KEY=f" {CANARY}\n").generator_api_key
    assert key
    assert key.get_secret_value() == CANARY


def test_a_short_session_secret_is_not_printed_either() -> None:
    text = problems(SESSION_SECRET=CANARY)
    assert "RAGSPAN_SESSION_SECRET is refused: it must have at least 32 characters" in text
    assert CANARY not in text


@pytest.mark.parametrize("url", ["https://h/v1?apikey={}", "https://h/v1#{}", "https://{}@h/v1", "https://u:{}@h/v1?a"])
def test_of_a_refused_address_neither_query_nor_user_is_printed(url: str) -> None:
    text = problems(VECTOR_STORE="weaviate", WEAVIATE_URL=url.format(CANARY))
    assert "it must carry no user, password, query or fragment" in text
    assert CANARY not in text


@pytest.mark.parametrize("variables", [{**WEAVIATE, "WEAVIATE_URL": "http://h:x"}, {"REDIS_URL": "redis://h:65536"}])
def test_a_port_that_is_none_is_refused_at_start(variables: dict[str, str]) -> None:
    assert "is refused: the port must be a number up to 65535" in problems(**variables)


@pytest.mark.parametrize("variable", ["ALLOWED_HOSTS", "LINK_HOSTS"])
@pytest.mark.parametrize(
    "name", ["https://rag.example", "rag.example:8000", "rag.example/", "*.example", "r\u00e4g.example"]
)
def test_a_name_that_no_host_can_have_is_refused(variable: str, name: str) -> None:
    """It was as if it were not there: every browser's request was answered with 421, every link was cut."""
    assert "leave out scheme, port, path and wildcard" in problems(**{variable: f"localhost,{name}"})


def test_names_and_addresses_of_hosts_are_taken() -> None:
    s = settings(ALLOWED_HOSTS="rag, 10.0.0.7, [::1], fe80::1, my_host.example", LINK_HOSTS="*")
    assert s.allowed_hosts == ("rag", "10.0.0.7", "[::1]", "fe80::1", "my_host.example")
    assert s.link_hosts == ("*",)
    assert "leave out" in problems(ALLOWED_HOSTS="*")


def test_with_a_key_any_address_may_be_bound() -> None:
    s = settings(HOST="0.0.0.0", API_KEYS=KEYS, ALLOWED_HOSTS="rag.example.com, RAG.internal")
    assert s.allowed_hosts == ("rag.example.com", "rag.internal")
    assert [(key.name, key.tenant) for key in s.api_keys] == [("ci", "acme")]


@pytest.mark.parametrize("separator", [",", " ", ",\n"])
def test_several_keys_may_be_given(separator: str) -> None:
    other = key_entry("laptop", "acme", new_key())
    assert [key.name for key in settings(API_KEYS=KEYS + separator + other).api_keys] == ["ci", "laptop"]


@pytest.mark.parametrize(
    "entries",
    ["ci", "ci:acme", f"{KEYS},{KEYS}", KEYS.upper(), KEYS + ":", KEYS + ":x:y", KEYS + ":-x", f"a/b:acme:{'0' * 64}"],
)
def test_a_malformed_or_repeated_key_entry_is_refused_by_position(entries: str) -> None:
    assert "RAGSPAN_API_KEYS is refused: " in problems(API_KEYS=entries)


def test_a_base_address_ends_without_a_slash() -> None:
    assert settings(**CHAT).generator_url == "http://llm:8000/v1"


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        settings().port = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_the_names_are_plain_data_for_whoever_renders_them() -> None:
    assert {"RAGSPAN_PORT", "RAGSPAN_API_KEYS", "RAGSPAN_EMBEDDER_TOKENIZER_FILE"} <= environment_names()


def test_what_the_image_sets_suits_either_store() -> None:
    dockerfile = (Path(__file__).parents[3] / "Dockerfile").read_text(encoding="utf-8")
    image = dict(re.findall(r"\bRAGSPAN_(\w+)=(\S+)", dockerfile))
    assert image
    assert settings(API_KEYS=KEYS, **image).vector_store == "embedded"
    assert settings(API_KEYS=KEYS, **image, **WEAVIATE).vector_store == "weaviate"


def test_redis_may_be_there_for_other_uses_than_the_cache() -> None:
    s = settings(REDIS_URL="rediss://valkey:6380/1", REDIS_USERNAME="ragspan", REDIS_PASSWORD="of-redis")
    assert (s.cache, s.redis_url) == ("none", "rediss://valkey:6380/1")
    assert "of-redis" not in repr(s)


def test_a_redis_password_is_in_no_error() -> None:
    text = problems(REDIS_URL="redis://user:in-the-url@valkey", CACHE="redis", REDIS_PASSWORD="of-redis")
    assert "it must carry no user, password" in text
    assert "in-the-url" not in text
    assert "of-redis" not in text


def test_a_database_password_is_in_no_error() -> None:
    text = problems(**PGVECTOR | {"PGVECTOR_URL": "postgresql://user:in-the-url@db/rag"}, PGVECTOR_PASSWORD="of-the-db")
    assert "it must carry no user, password" in text
    assert "in-the-url" not in text
    assert "of-the-db" not in text


def test_a_store_whose_client_is_not_installed_is_refused_with_the_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    assert problems(**PGVECTOR) == "RAGSPAN_VECTOR_STORE=pgvector needs its client; install ragspan[pgvector]."
