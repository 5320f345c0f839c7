// Which underlay driver a worker gets, and the descriptors that control has opened for it. One kind for all workers.

import type { Dataplane } from "../dataplane.js";
import type { UnderlayDriver } from "../drivers/seams.js";
import { TapUnderlay, type TapUnderlayOptions } from "../drivers/tap-underlay.js";
import { UdpUnderlay, type UdpUnderlayOptions } from "../drivers/udp.js";
import type { XskRings } from "../drivers/xdp-rings.js";
import { XdpUnderlay } from "../drivers/xdp-underlay.js";
import type { SharedMemory } from "../memory.js";

/** Posted to the worker's thread: plain values only. */
export type UnderlayTask =
  | ({ readonly kind: "udp" } & UdpUnderlayOptions)
  | ({ readonly kind: "tap" } & TapUnderlayOptions & UdpUnderlayOptions)
  | ({ readonly kind: "xdp" } & UdpUnderlayOptions);

export function makeUnderlay(
  memory: SharedMemory,
  dataplane: Dataplane,
  worker: number,
  task: UnderlayTask,
  rings: XskRings,
): UnderlayDriver {
  switch (task.kind) {
    case "udp":
      return new UdpUnderlay(memory, worker, task, dataplane.checksumSum);
    case "tap":
      return new TapUnderlay(memory, worker, task, new UdpUnderlay(memory, worker, task, dataplane.checksumSum));
    case "xdp":
      return new XdpUnderlay(memory, worker, rings, new UdpUnderlay(memory, worker, task, dataplane.checksumSum));
  }
}
