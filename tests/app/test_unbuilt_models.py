"""Models that are built when they are first used serve as well as others."""

import json
import subprocess
import sys

from app.main import create_app
from app.settings import Settings

DESCRIBES_ITSELF = """
import json
from pydantic import BaseModel
from app.lean_start import prepare_start
prepare_start()
import fastapi.openapi.models as models
assert not models.OpenAPI.__pydantic_complete__, "built though nobody used it"

class Ours(BaseModel):
    text: str

assert Ours.__pydantic_complete__, "it holds in the block alone"
from app.main import create_app
from app.settings import Settings
print(json.dumps(create_app(Settings()).openapi()))
"""


def test_the_api_is_described_the_same_by_models_that_were_not_built() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DESCRIBES_ITSELF], check=False, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == json.loads(json.dumps(create_app(Settings()).openapi()))
