"""What the service adds to the models' own time, beside a floor and one written by hand: `python -m bench.answer`."""
