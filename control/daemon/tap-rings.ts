// The io_urings through which workers read TAP ports, one a worker. Control opens them and finds out whether this kernel reads a
// TAP in that way: from a TAP descriptor without a device, a read that is understood fails for the lack of a device. Containers
// often forbid io_uring; then frames are read one to a call, and the offload says so.

import { tapRingPlace } from "../drivers/io-tables.js";
import { TapRing } from "../drivers/tap-ring.js";
import { EBADFD } from "../linux/errno.js";
import { closeFd, SyscallError } from "../linux/index.js";
import { openUring, type Uring } from "../linux/io-uring.js";
import { openTunDevice } from "../linux/tap.js";
import type { SharedMemory } from "../memory.js";
import type { Offloads } from "./offloads.js";

export class TapRings {
  readonly #memory: SharedMemory;
  readonly #rings: Uring[] = [];

  constructor(memory: SharedMemory) {
    this.#memory = memory;
  }

  /** By worker; empty: this host has none. */
  get rings(): readonly Uring[] {
    return this.#rings;
  }

  /** Opens one for each worker and takes them into use, or says why not. */
  open(workers: number, offloads: Pick<Offloads, "isAllowed" | "set">): void {
    if (!offloads.isAllowed) return;
    try {
      for (let worker = 0; worker < workers; worker++) {
        this.#rings.push(openUring(this.#memory, tapRingPlace(worker)));
        if (worker === 0) probe(new TapRing(this.#memory, worker, this.#rings[worker]));
      }
      offloads.set("port_uring");
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.close();
      const why = WHY.get(error.code);
      offloads.set("port_uring", why === undefined ? error.message : `${error.message}: ${why}`);
    }
  }

  /** The workers have stopped. */
  close(): void {
    for (const ring of this.#rings.splice(0)) closeFd(ring.fd);
  }
}

const WHY = new Map([
  ["ENOMEM", "locked memory is limited: raise RLIMIT_MEMLOCK, or give the process CAP_IPC_LOCK"],
  ["EPERM", "forbidden here: kernel.io_uring_disabled, or the rules of a container"],
  ["EINVAL", "it takes Linux 6.5 or newer"],
]);

/** @throws SyscallError */
function probe(ring: TapRing): void {
  const fd = openTunDevice();
  try {
    ring.receive(fd, 0, 1);
    const errno = ring.refusal === 0 ? ring.errno : ring.refusal;
    if (errno !== EBADFD) throw new SyscallError("read a TAP through io_uring", errno);
  } finally {
    closeFd(fd);
  }
}
