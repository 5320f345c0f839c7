// The xdp underlay driver: VXLAN datagrams through AF_XDP rings, and through the udp driver what the rings cannot have: datagrams that
// the XDP program leaves to the host (fragments, IPv4 options, larger than a frame), those of a worker without a queue of its own, and
// frames to VTEPs whose next hop is not known, for which the kernel then looks.

import { DESC_DROP, DESC_SIZE, PORT_QUEUE_XSK, PORT_QUEUES, SEND_ELSEWHERE } from "../../dataplane-wasm/layout.js";
import type { SharedMemory } from "../memory.js";
import { outputPtr } from "./io-tables.js";
import type { UnderlayDriver } from "./seams.js";
import type { XskRings } from "./xdp-rings.js";

export class XdpUnderlay implements UnderlayDriver {
  readonly #memory: SharedMemory;
  readonly #rings: XskRings;
  readonly #sockets: UnderlayDriver;
  readonly #slotWord: number;
  readonly #outputs: number;

  /** @param sockets the udp driver of the same worker */
  constructor(memory: SharedMemory, worker: number, rings: XskRings, sockets: UnderlayDriver) {
    this.#memory = memory;
    this.#rings = rings;
    this.#sockets = sockets;
    this.#slotWord = (PORT_QUEUES >>> 2) + worker;
    this.#outputs = outputPtr(worker, 0);
  }

  get held(): number {
    return this.#sockets.held;
  }

  /** @param source PORT_QUEUE_XSK and a slot, or a descriptor of the udp driver */
  receive(source: number, max: number): number {
    if ((source & PORT_QUEUE_XSK) !== 0) return this.#rings.receive(source & ~PORT_QUEUE_XSK, max);
    return this.#sockets.receive(source, max);
  }

  send(first: number, count: number): void {
    const queue = this.#memory.i32[this.#slotWord];
    if (queue === 0) this.#sockets.send(first, count);
    else if (this.#rings.send(queue & ~PORT_QUEUE_XSK, first, count) > 0) this.#sendElsewhere(first, first + count);
  }

  done(count: number): void {
    this.#rings.done(count);
  }

  tick(): void {
    this.#sockets.tick?.();
  }

  /** Neighbours go in one call. */
  #sendElsewhere(from: number, end: number): void {
    for (let first = from; first < end; ) {
      let next = first;
      while (next < end && this.#isElsewhere(next)) next++;
      if (next > first) this.#sockets.send(first, next - first);
      first = next + 1;
    }
  }

  #isElsewhere(output: number): boolean {
    return this.#memory.u8[this.#outputs + output * DESC_SIZE + DESC_DROP] === SEND_ELSEWHERE;
  }
}
