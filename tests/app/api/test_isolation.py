"""S3: whoever asks, whatever for, in whatever order: nothing of another tenant or group comes back, cached or not."""

from pathlib import Path

import pytest

from tests.app.api.isolation import check_isolation

pytestmark = pytest.mark.anyio
OPERATIONS = 150
"""`make test-load` has ten thousand."""


async def test_random_operations_show_nobody_what_is_not_theirs(tmp_path: Path) -> None:
    await check_isolation(tmp_path, OPERATIONS)
