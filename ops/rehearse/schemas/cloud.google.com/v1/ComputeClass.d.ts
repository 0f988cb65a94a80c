// The package lacks reservations: https://docs.cloud.google.com/kubernetes-engine/docs/reference/crds/computeclass
import type { IComputeClass as Packaged } from "@kubernetes-models/gke/cloud.google.com/v1";

type Spec = Packaged["spec"];

interface Reservations {
  affinity: "Specific" | "AnyBestEffort" | "None";
  specific?: Array<{
    name: string;
    project?: string;
    reservationBlock?: { name: string; reservationSubBlock?: { name: string } };
  }>;
}

type Priority = NonNullable<Spec["priorities"]>[number] & { reservations?: Reservations };

export type IComputeClass = Omit<Packaged, "spec"> & {
  spec: Omit<Spec, "priorities"> & { priorities?: Array<Priority> };
};
