"""What every update of a shipped stack must keep to; each check is shown to catch a planted violation."""

from tests.support.engine.events import EngineRun


def assert_no_changes(run: EngineRun) -> None:
    """Nothing to do: a difference that comes back with every update is somebody's work undone every time."""
    found = [f"{step.op} {step.name} {', '.join(step.changed)}".strip() for step in run.succeeded().changes]
    assert not found, f"changes where nothing was changed: {'; '.join(found)}"


def assert_nothing_replaced(run: EngineRun) -> None:
    """Nothing is deleted to be made anew."""
    found = sorted({f"{step.name} ({', '.join(step.changed)})" for step in run.replacements})
    assert not found, f"replaced: {'; '.join(found)}"


def assert_sealed(text: str, secret: str) -> None:
    """The secret is not to be read in the text, which holds ciphertext in its place."""
    assert secret not in text, "a secret is in plain text"
    assert '"ciphertext"' in text, "there is no ciphertext, so this shows nothing"
