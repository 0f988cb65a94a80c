"""The rehearsal: deploys a stack's manifests to a real Kubernetes control plane with fake nodes."""
