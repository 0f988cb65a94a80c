"""Reads a region's stack as the stack that spans regions will."""

import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stacks.outputs import RegionOutputs

region = RegionOutputs.of("local")
pulumi.export("answers", pulumi.Output.concat(region.api_address, "/v1/query"))
pulumi.export("namespace", region.namespace)
