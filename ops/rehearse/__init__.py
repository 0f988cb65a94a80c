"""The rehearsal: a stack's manifests taken by a real Kubernetes control plane, with fake nodes in place of machines."""
