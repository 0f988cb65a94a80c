"""What the import of Weaviate's client leaves out, and that it leaves nothing else changed."""

import subprocess
import sys

IMPORTS = """
from pydantic import BaseModel
from app.adapters.weaviate_import import api_keys_alone
from app.unbuilt_models import unbuilt_models
with api_keys_alone(), unbuilt_models():
    import app.adapters.weaviate_store

def below(kind):
    for sub in kind.__subclasses__():
        yield from (sub, *below(sub))

models = {model for model in below(BaseModel) if model.__module__.startswith("weaviate")}
assert len(models) > 100
assert len([model for model in models if model.__pydantic_complete__]) < 10, "built though nobody used them"

class Ours(BaseModel):
    text: str

assert Ours.__pydantic_complete__
from authlib.integrations.httpx_client import OAuth2Client
assert OAuth2Client.__mro__[1:-1], "a placeholder has stayed"
"""


def test_models_wait_until_they_are_used_and_what_was_left_out_can_be_had() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORTS], check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
