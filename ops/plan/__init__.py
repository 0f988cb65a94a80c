"""The offline plan: the stack's own program, recorded without a cloud account, a cluster or a network."""
