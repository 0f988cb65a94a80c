"""Settings of Bottlerocket nodes, as the TOML of their user data.

The NVIDIA variant advertises `nvidia.com/gpu` by itself, so GPU sharing is one of its settings and no other device
plugin may run: https://bottlerocket.dev/en/os/1.54.x/api/settings/kubelet-device-plugins/
"""

from infra.config.pools import NodePool, TimeSlicing

MAX_PODS = 110
"""Prefix delegation removes the limit set by network interfaces; beyond 110, Kubernetes itself is the limit.
https://docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses.html"""


def user_data(pool: NodePool) -> str:
    """Return the settings for sharing the pool's GPUs; empty if each container gets whole ones."""
    if pool.kind != "gpu" or not isinstance(pool.sharing, TimeSlicing):
        return ""
    plugin = "settings.kubelet-device-plugins.nvidia"
    return (
        f'[{plugin}]\ndevice-sharing-strategy = "time-slicing"\n\n'
        f"[{plugin}.time-slicing]\nreplicas = {pool.sharing.clients}\nfail-requests-greater-than-one = true\n"
    )
