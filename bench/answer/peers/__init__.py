"""Frameworks beside the service, each in an environment of its own, built as its own documentation shows."""
