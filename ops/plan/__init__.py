"""The offline plan: runs the stack's own program and records it, without a cloud account, a cluster or a network."""
