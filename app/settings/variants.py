"""Settings that belong to only one of several choices."""

from pydantic import BaseModel

from app.settings.names import variable


class Variant:
    """Settings that belong to some choices: `required` with them, and refused, like `optional`, with any other."""

    def __init__(self, selector: str, *choices: str, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()):
        self.selector, self.choices, self.required, self.optional = selector, choices, required, optional

    def fault(self, settings: BaseModel) -> str | None:
        """Return a sentence if a chosen variant lacks required settings, or if settings would have no effect."""
        chosen = getattr(settings, self.selector)
        if chosen in self.choices:
            missing = [variable(name) for name in self.required if getattr(settings, name) is None]
            needs = f"{variable(self.selector)}={chosen} needs {', '.join(missing)}; set what is missing"
            return needs if missing else None
        stray = [variable(name) for name in (*self.required, *self.optional) if name in settings.model_fields_set]
        if not stray:
            return None
        owner = f"{variable(self.selector)}={' or '.join(self.choices)}"
        return f"{', '.join(stray)} would have no effect with {variable(self.selector)}={chosen}; unset or set {owner}"
