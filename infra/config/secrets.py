"""Existing Kubernetes Secrets, by name: a stack file holds no value."""

from typing import Annotated

from pydantic import Field, StringConstraints

from infra.config.section import FlipsTo, Section

SecretName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"), FlipsTo("another-secret")
]


class SecretKey(Section):
    """One key of an existing Secret in the stack's namespace."""

    name: SecretName
    """Name of the Secret."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$"), FlipsTo("another-key")]
    """The key inside that Secret."""


class BasicAuth(Section):
    """An existing Secret of the stack's namespace with the keys `username` and `password`."""

    name: SecretName
    """Name of the Secret."""
