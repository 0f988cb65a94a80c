"""S3: ten thousand random operations through the whole service; nothing of another tenant or group comes back."""

from pathlib import Path

import pytest

from tests.app.api.conftest import clean_environment
from tests.app.api.isolation import check_isolation

__all__ = ["clean_environment"]

pytestmark = pytest.mark.anyio
OPERATIONS = 10_000


async def test_ten_thousand_operations_show_nobody_what_is_not_theirs(tmp_path: Path) -> None:
    await check_isolation(tmp_path, OPERATIONS)
