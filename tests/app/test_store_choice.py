"""What is said of the store that the settings choose."""

from pathlib import Path
from typing import get_args

import pytest

from app.settings import Settings
from app.store_choice import store_place

STORES = get_args(Settings.model_fields["vector_store"].annotation)


@pytest.mark.parametrize("store", STORES)
def test_each_store_is_said_to_be_where_its_own_setting_says(store: str) -> None:
    urls = {f"{name}_url": name for name in STORES}
    settings = Settings.model_construct(vector_store=store, data_dir=Path("embedded"), **urls)
    assert store_place(settings) == (str(Path("embedded").absolute()) if store == "embedded" else store)
