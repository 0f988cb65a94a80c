"""Names of the settings in the environment."""

PREFIX = "RAGSPAN_"


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + field.upper()
