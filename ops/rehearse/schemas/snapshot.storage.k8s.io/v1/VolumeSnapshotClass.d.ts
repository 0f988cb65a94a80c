// client/config/crd/snapshot.storage.k8s.io_volumesnapshotclasses.yaml of https://github.com/kubernetes-csi/external-snapshotter
import type { IObjectMeta } from "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";

export interface IVolumeSnapshotClass {
  apiVersion: "snapshot.storage.k8s.io/v1";
  kind: "VolumeSnapshotClass";
  metadata?: IObjectMeta;
  deletionPolicy: "Delete" | "Retain";
  driver: string;
  parameters?: { [name: string]: string };
}
