"""Contestant: the service of `bench.answer.ours_started` in the mode `hold`: no token leaves before the verdict."""

import os

from bench.answer.ours_started import main

if __name__ == "__main__":
    os.environ["RAGSPAN_QUALITY_MODE"] = "hold"
    main()
