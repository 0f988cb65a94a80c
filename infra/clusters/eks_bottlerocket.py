"""Settings of Bottlerocket nodes, as the TOML of their user data.

The NVIDIA variant advertises `nvidia.com/gpu` itself, so sharing is its setting and nothing else may advertise:
https://bottlerocket.dev/en/os/1.54.x/api/settings/kubelet-device-plugins/
"""

from infra.config.pools import NodePool, TimeSlicing

MAX_PODS = 110
"""Prefix delegation lifts the bound that network interfaces set; above 110 Kubernetes itself is the bound.
https://docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses.html"""


def user_data(pool: NodePool) -> str:
    """How the pool's GPUs are shared; empty where each container has whole ones."""
    if pool.kind != "gpu" or not isinstance(pool.sharing, TimeSlicing):
        return ""
    plugin = "settings.kubelet-device-plugins.nvidia"
    return (
        f'[{plugin}]\ndevice-sharing-strategy = "time-slicing"\n\n'
        f"[{plugin}.time-slicing]\nreplicas = {pool.sharing.clients}\nfail-requests-greater-than-one = true\n"
    )
