"""Settings that belong to one choice of several."""

from pydantic import BaseModel

from app.settings.names import variable


class Variant:
    """The settings that belong to one choice: with it some are required, with any other all are refused."""

    def __init__(self, selector: str, choice: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()):
        self.selector, self.choice, self.required, self.optional = selector, choice, required, optional

    def fault(self, settings: BaseModel) -> str | None:
        """Return a sentence if the settings choose this variant without its fields, or set its fields in vain."""
        chosen = getattr(settings, self.selector)
        owner = f"{variable(self.selector)}={self.choice}"
        if chosen == self.choice:
            missing = [variable(name) for name in self.required if getattr(settings, name) is None]
            return f"{owner} needs {', '.join(missing)}; set what is missing" if missing else None
        stray = [variable(name) for name in (*self.required, *self.optional) if name in settings.model_fields_set]
        if not stray:
            return None
        return f"{', '.join(stray)} would have no effect with {variable(self.selector)}={chosen}; unset or set {owner}"
