"""The pure pipeline: imports ports and nothing else of the project."""
