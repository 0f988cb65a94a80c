"""S4: whatever a request holds, as the OpenAPI document allows it or not, the service answers as it says there."""

import threading
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from app.main import create_app
from app.security.api_keys import ApiKey, hash_key, new_key
from app.security.needed_scopes import is_open
from app.serving.server import DrainingServer, bind
from app.settings import Settings

KEY = new_key()
schemathesis: Any = import_module("schemathesis")  # its types are generic without saying of what
conformance: Any = import_module("schemathesis.specs.openapi.checks")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]
"""The last one takes a stream's schema for that of each event."""
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings.model_construct()).openapi())
OPERATIONS = {operation.label: operation for operation in (result.ok() for result in SCHEMA.get_all_operations())}
INPUTS = [
    (label, kind)
    for label, operation in OPERATIONS.items()
    for kind in ("positive", "negative")
    if kind == "positive" or not is_open(operation.path)  # which take no input that could be wrong
]
EXAMPLES = 10
"""Of each operation and kind; some ten seconds in all."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The service with its embedded defaults and a key, on a thread of its own."""
    key = ApiKey("ci", "acme", hash_key(KEY))
    app = create_app(Settings(data_dir=Path(tmp_path_factory.mktemp("data")), api_keys=(key,)))
    ready = threading.Event()
    with bind("127.0.0.1", 0) as bound:
        server = DrainingServer(app, drain_s=1, on_ready=ready.set, on_drain=app.state.readiness.drain)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            assert ready.wait(30)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(("operation", "kind"), INPUTS)
def test_every_input_gets_an_answer_that_is_documented(address: str, operation: str, kind: str) -> None:
    inputs = OPERATIONS[operation].as_strategy(generation_mode=schemathesis.GenerationMode(kind))
    slow = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)

    @hypothesis_settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=slow
    )
    @given(case=inputs)
    def ask(case: Any) -> None:
        response = case.call(base_url=address, headers={"X-API-Key": KEY})
        is_stream = response.headers["content-type"][0].startswith("text/event-stream") if response.content else False
        case.validate_response(response, checks=CHECKS[:-1] if is_stream else CHECKS)

    ask()
