"""Translates the stack file's choices for a GKE control plane into its API's terms."""

from datetime import datetime, timedelta

import pulumi_gcp as gcp

from infra.config.gke import GkeCluster, MaintenanceWindow

_METRICS = ["STORAGE", "POD", "DEPLOYMENT", "STATEFULSET", "DAEMONSET", "HPA", "KUBELET", "CADVISOR"]
_FIRST_DAY = "2026-01-01"
"""Start of the recurring window; any day in the past works."""


def endpoints(config: GkeCluster) -> gcp.container.ClusterControlPlaneEndpointsConfigArgsDict:
    """Return the endpoints: a DNS name guarded by IAM, and IP addresses only if networks that may use them are
    named.
    """
    return {
        "dns_endpoint_config": {"allow_external_traffic": True},
        "ip_endpoints_config": {"enabled": bool(config.authorized_networks)},
    }


def authorized_networks(config: GkeCluster) -> gcp.container.ClusterMasterAuthorizedNetworksConfigArgsDict | None:
    if not config.authorized_networks:
        return None
    return {
        "cidr_blocks": [{"cidr_block": network} for network in config.authorized_networks],
        "gcp_public_cidrs_access_enabled": False,
    }


def maintenance_policy(window: MaintenanceWindow | None) -> gcp.container.ClusterMaintenancePolicyArgsDict | None:
    if window is None:
        return None
    start = datetime.fromisoformat(f"{_FIRST_DAY}T{window.start_utc}:00+00:00")
    end = start + timedelta(hours=window.hours)
    return {
        "recurring_window": {
            "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "recurrence": f"FREQ=WEEKLY;BYDAY={','.join(window.days)}",
        }
    }


def database_encryption(key: str | None) -> gcp.container.ClusterDatabaseEncryptionArgsDict | None:
    return {"state": "ENCRYPTED", "key_name": key} if key else None


def addons(config: GkeCluster) -> gcp.container.ClusterAddonsConfigArgsDict:
    return {
        "gce_persistent_disk_csi_driver_config": {"enabled": True},
        "gcp_filestore_csi_driver_config": {"enabled": config.shared_volumes},
        "gcs_fuse_csi_driver_config": {"enabled": config.bucket_volumes},
    }


def monitoring(config: GkeCluster) -> gcp.container.ClusterMonitoringConfigArgsDict:
    """Return the monitoring options: system metrics always; workload and GPU metrics with managed Prometheus."""
    further = [*_METRICS, *(["DCGM"] if any(pool.kind == "gpu" for pool in config.pools) else [])]
    return {
        "enable_components": ["SYSTEM_COMPONENTS", *(further if config.managed_prometheus else [])],
        "managed_prometheus": {"enabled": config.managed_prometheus},
    }
