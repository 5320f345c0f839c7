// What a worker thread runs: one long task for its whole life. It makes its own instance of the hot path over the shared
// memory, its drivers over the descriptors that control has opened, and goes round until control stops it.
//
// The thread answers no messages while it runs: everything that control wants from it goes through the shared memory
// and the epoll set.

import { CONTEXT_THREAD, PORTS_MAX } from "../../dataplane-wasm/layout.js";
import { instantiateDataplane } from "../dataplane.js";
import { EPOLL_EVENTS_MAX, IO_EPOLL, ioPtr } from "../drivers/io-tables.js";
import { PacketSender } from "../drivers/packet-send.js";
import { TapPorts } from "../drivers/tap.js";
import { TapRing } from "../drivers/tap-ring.js";
import { MixedPorts } from "../drivers/xdp-ports.js";
import { XskRings } from "../drivers/xdp-rings.js";
import {
  EPOLL_PORT,
  EPOLL_UNDERLAY,
  EpollTable,
  epollRemove,
  raiseOwnPriority,
  SyscallError,
  tellsTapIsGone,
  threadId,
} from "../linux/index.js";
import type { Uring } from "../linux/io-uring.js";
import { attachMemory } from "../memory.js";
import { contextIndex } from "../tables/epochs.js";
import { portQueue } from "../tables/records.js";
import { Engine } from "./engine.js";
import { runLoop } from "./loop.js";
import { WatchedRings } from "./rings.js";
import { makeUnderlay, type UnderlayTask } from "./underlay.js";

export interface WorkerTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  /** Descriptors: the worker's epoll set and its bell. */
  readonly epoll: number;
  readonly bell: number;
  /** Microseconds to look for more before sleeping. */
  readonly busyPollUs: number;
  /** The priority that it wants; control's, which it has from its start, may be lower. */
  readonly nice: number;
  readonly underlay: UnderlayTask;
  /** The worker's packet socket. */
  readonly packetFd: number;
  /** Through which it reads TAP ports; none: one frame to a call. */
  readonly tapRing: Uring | undefined;
}

/** Serves until control's command is stop. @throws what the drivers or the dataplane throw; control starts it again */
export default async function runWorker(task: WorkerTask): Promise<void> {
  const { worker, epoll, bell } = task;
  const memory = attachMemory(task.memory);
  Atomics.store(memory.u32, contextIndex(worker, CONTEXT_THREAD), threadId());
  raiseOwnPriority(task.nice);
  const dataplane = await instantiateDataplane(task.module, task.memory);
  const rings = new XskRings(memory, dataplane, worker);
  const taps = new TapPorts(memory, worker, task.tapRing && new TapRing(memory, worker, task.tapRing));
  const ports = new MixedPorts(memory, worker, rings, taps, new PacketSender(memory, worker, task.packetFd));
  const underlay = makeUnderlay(memory, dataplane, worker, task.underlay, rings);
  const engine = new Engine(memory, dataplane, worker, ports, underlay);
  const ready = new EpollTable(memory, ioPtr(worker) + IO_EPOLL, EPOLL_EVENTS_MAX);
  runLoop(memory, engine, {
    worker,
    ready,
    epoll,
    bell,
    busyPollUs: task.busyPollUs,
    rings: new WatchedRings(memory, worker, engine, epoll),
    onEmpty(kind, id) {
      const isTap = kind === EPOLL_PORT && id < PORTS_MAX;
      if (isTap && tellsTapIsGone(taps.receiveErrno)) forgetQueue(epoll, portQueue(memory, id, worker));
      if (kind === EPOLL_UNDERLAY && underlay.isGone?.(id) === true) forgetQueue(epoll, id);
    },
    onRound() {
      underlay.tick?.();
      return rings.tick();
    },
  });
}

/** A device that was deleted under us would be reported as ready for ever. */
function forgetQueue(epoll: number, fd: number): void {
  try {
    epollRemove(epoll, fd);
  } catch (error) {
    // Control has been faster.
    if (!(error instanceof SyscallError)) throw error;
  }
}
