// What the kernel may leave unfinished, or do for many frames at once: which of it is in use, and why not the rest. The bits in
// the shared memory say it to the workers (SYSTEM_OFFLOADS); this is their owner in control.
//
//   off -> on       control alone: after a probe, or when the first port was opened
//   on -> off       a worker, when the kernel refuses; control hears of it at its next tick. It stays off.
//
// Ports tell what they can do when they are opened; until the first one is there, nothing has to be coalesced for them. Trains
// are received only where ports take UDP super-frames, because a peer on this host may send such a frame in what looks like a
// train to the kernel (drivers/udp-receive.ts).

import type { Logger } from "pino";
import {
  OFFLOAD_PORT_CHECKSUM,
  OFFLOAD_PORT_TSO,
  OFFLOAD_PORT_URING,
  OFFLOAD_PORT_USO,
  OFFLOAD_TUNNEL_GSO,
  OFFLOAD_UDP_GRO,
  OFFLOAD_UDP_SEGMENT,
  OFFLOAD_XDP_NATIVE,
  OFFLOAD_XDP_ZEROCOPY,
  SYSTEM_OFFLOADS,
  SYSTEM_REFUSALS,
} from "../../dataplane-wasm/layout.js";
import { errnoName, type TapOffloads } from "../linux/index.js";
import type { SharedMemory } from "../memory.js";

/** Labels of vxlane_offload_enabled, and keys of the status. */
const OFFLOAD_LABELS = {
  port_checksum: OFFLOAD_PORT_CHECKSUM,
  port_tso: OFFLOAD_PORT_TSO,
  port_uso: OFFLOAD_PORT_USO,
  port_uring: OFFLOAD_PORT_URING,
  udp_segment: OFFLOAD_UDP_SEGMENT,
  udp_gro: OFFLOAD_UDP_GRO,
  tunnel_gso: OFFLOAD_TUNNEL_GSO,
  xdp_native: OFFLOAD_XDP_NATIVE,
  xdp_zerocopy: OFFLOAD_XDP_ZEROCOPY,
} as const;

export type OffloadLabel = keyof typeof OFFLOAD_LABELS;

export interface OffloadState {
  readonly feature: OffloadLabel;
  readonly enabled: boolean;
  /** Why it is off. */
  readonly reason?: string;
}

const LABELS = Object.keys(OFFLOAD_LABELS) as OffloadLabel[];
const NO_PORT = "no port was opened yet";

export class Offloads {
  /** Whether the config allows any. */
  readonly isAllowed: boolean;
  /** Outer UDP checksums are written. */
  readonly outerChecksum: boolean;
  readonly #memory: SharedMemory;
  readonly #log: Logger;
  readonly #reasons = new Map<OffloadLabel, string>();
  /** Told that the ports take UDP super-frames. */
  #onPorts: (takesUso: boolean) => void = () => {};
  #known = 0;

  constructor(memory: SharedMemory, log: Logger, options: { isAllowed: boolean; outerChecksum: boolean }) {
    this.#memory = memory;
    this.#log = log;
    this.isAllowed = options.isAllowed;
    this.outerChecksum = options.outerChecksum;
    for (const label of LABELS)
      this.#reasons.set(label, options.isAllowed ? "not used by this driver" : "offloads: off");
    if (!options.isAllowed) return;
    for (const label of ["port_checksum", "port_tso", "port_uso"] as const) this.#reasons.set(label, NO_PORT);
  }

  /** Takes one into use, or says why not. Nothing is taken into use that the config forbids. */
  set(label: OffloadLabel, reasonAgainst?: string): void {
    if (!this.isAllowed) return;
    const bit = OFFLOAD_LABELS[label];
    const { u32 } = this.#memory;
    if (reasonAgainst !== undefined) {
      this.#reasons.set(label, reasonAgainst);
      this.#known &= ~bit;
      Atomics.and(u32, SYSTEM_OFFLOADS / 4, ~bit);
      return;
    }
    this.#reasons.delete(label);
    this.#known |= bit;
    Atomics.or(u32, SYSTEM_OFFLOADS / 4, bit);
  }

  isOn(label: OffloadLabel): boolean {
    return (Atomics.load(this.#memory.u32, SYSTEM_OFFLOADS / 4) & OFFLOAD_LABELS[label]) !== 0;
  }

  /** What to do once it is known whether ports take UDP super-frames. */
  onPorts(then: (takesUso: boolean) => void): void {
    this.#onPorts = then;
  }

  /** A port was opened, and its device took these. The same kernel takes the same for each. */
  portOpened(accepted: TapOffloads): void {
    if (this.#reasons.get("port_checksum") !== NO_PORT && this.isOn("port_checksum")) return;
    const refused = "this kernel's TAP devices refuse it";
    this.set("port_checksum", accepted.checksum ? undefined : refused);
    this.set("port_tso", accepted.tso ? undefined : refused);
    this.set("port_uso", accepted.uso ? undefined : `${refused} (Linux >= 6.2 has it)`);
    this.#onPorts(accepted.uso);
  }

  /** To be called now and then: notices what workers have given up. */
  tick(): void {
    const now = Atomics.load(this.#memory.u32, SYSTEM_OFFLOADS / 4);
    const lost = this.#known & ~now;
    if (lost === 0) return;
    for (const label of LABELS) {
      const bit = OFFLOAD_LABELS[label];
      if ((lost & bit) === 0) continue;
      const errno = errnoName(Atomics.load(this.#memory.u32, SYSTEM_REFUSALS / 4 + Math.log2(bit)));
      this.#reasons.set(label, `the kernel refused it while it ran: ${errno}`);
      this.#log.warn({ offload: label, errno }, "the kernel refuses an offload: going on without it");
    }
    this.#known &= now;
  }

  list(): OffloadState[] {
    this.tick();
    return LABELS.map((feature) => {
      const reason = this.#reasons.get(feature);
      const enabled = this.isOn(feature);
      return { feature, enabled, ...(enabled || reason === undefined ? {} : { reason }) };
    });
  }
}
