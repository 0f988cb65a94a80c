"""The answer pipeline, free of I/O: of the project it imports only ports."""
