"""The Pulumi program of every stack: deploys the region that the stack file describes."""

import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `pulumi install` makes a .venv without the project

from infra.config.load import ConfigError, from_pulumi
from infra.config.stack import warnings
from infra.region import RagRegion, RagRegionArgs


def main() -> None:
    """Bring up the stack. Invalid configuration ends it with a sentence, not a traceback."""
    try:
        config = from_pulumi()
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in warnings(config):
        pulumi.warn(warning)
    region = RagRegion("region", RagRegionArgs(config=config))
    pulumi.export("namespace", region.namespace)
    pulumi.export("api_address", region.api_address)


if __name__ == "__main__":
    main()
