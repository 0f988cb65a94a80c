"""All rules of the pack, one per module. A new rule is a module here and an entry below."""

from policies.rules import gpu_pods_are_bounded, images_are_pinned, workloads_run_restricted

RULES = (images_are_pinned.RULE, workloads_run_restricted.RULE, gpu_pods_are_bounded.RULE)
