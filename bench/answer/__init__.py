"""Measures what the service adds to the models' own time: `python -m bench.answer`."""
