// A switch with equal-cost paths, between two VTEPs: CRC-32 over the outer 5-tuple as it lies on the wire, from a seed of
// the switch's own, modulo the number of paths. Of these fields only the UDP source port differs between flows, which is
// the whole reason for its entropy.

import { crc32 } from "./hashes.js";
import type { Random } from "./random.js";

const UDP = 17;
const VXLAN_PORT = 4789;
const PORTS = 65536;

export class Switch {
  /** CRC by source port. */
  readonly #hashes = new Uint32Array(PORTS);

  constructor(random: Random) {
    const seed = random.word();
    const tuple = new DataView(new ArrayBuffer(13));
    tuple.setUint32(0, random.word());
    tuple.setUint32(4, random.word());
    tuple.setUint8(8, UDP);
    tuple.setUint16(11, VXLAN_PORT);
    const bytes = new Uint8Array(tuple.buffer);
    for (let port = 0; port < PORTS; port++) {
      tuple.setUint16(9, port);
      this.#hashes[port] = crc32(bytes, seed);
    }
  }

  path(srcPort: number, paths: number): number {
    return (this.#hashes[srcPort] ?? 0) % paths;
  }
}
