// Frames that follow each other as those of real flows do: sequence numbers and ids count up, runs of one length end with a
// shorter frame or a pushed one. So that hostile bytes meet code that only sees work when what came before fits.

import { filler } from "./bytes.js";
import { ethernet, ipv4, ipv6, TCP_FLAG, tcp, udp } from "./frames.js";
import { Mutator, Random } from "./mutate.js";

/** Whoever makes frames: writes the next one to `at`, at most `max` bytes, and returns its length. */
export interface FrameSource {
  fill(into: Uint8Array, at: number, max: number): number;
}

export interface StreamEnds {
  readonly src: string;
  readonly dst: string;
}

const SIZES = [1, 18, 200, 440];
const RUN_MAX = 24;
const { ack, psh } = TCP_FLAG;

/** `count` frames of eight flows, TCP and UDP over IPv4 and IPv6, tagged or not, in runs. */
export function streamFrames(seed: number, count: number, ends: StreamEnds): Uint8Array[] {
  const random = new Random(seed);
  const frames: Uint8Array[] = [];
  const flows = Array.from({ length: 8 }, () => ({ seq: random.next(), id: random.below(65536) }));
  while (frames.length < count) {
    const number = random.below(flows.length);
    const flow = flows[number];
    const size = random.pick(SIZES);
    const checksum = random.below(4) === 0 ? "unfinished" : "right";
    for (let left = 1 + random.below(RUN_MAX); left > 0; left--) {
      const data = filler(left === 1 ? Math.ceil(size / 2) : size, flow.id);
      const ports = { srcPort: 6000 + number, dstPort: 80 };
      const flags = left === 1 ? ack | psh : ack;
      const segment = number & 1 ? udp(ports, data) : tcp({ ...ports, seq: flow.seq, flags, options: OPTIONS }, data);
      const packet =
        number & 2
          ? ipv6({ src: "fd00::1", dst: "fd00::2", checksum }, segment)
          : ipv4({ src: "10.0.0.1", dst: "10.0.0.2", id: flow.id, checksum }, segment);
      frames.push(ethernet({ ...ends, tags: number & 4 ? [{ vid: 9 }] : [] }, packet));
      flow.seq = (flow.seq + data.length) >>> 0;
      flow.id = (flow.id + 1) & 0xffff;
    }
  }
  return frames;
}

/** Timestamps, as most TCP segments carry them. */
const OPTIONS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);

/** These frames one after the other, over and over; now and then one of them mutated, or one is missing. */
export class Stream implements FrameSource {
  readonly #frames: readonly Uint8Array[];
  readonly #mutator: Mutator;
  #next = 0;

  constructor(seed: number, frames: readonly Uint8Array[]) {
    this.#frames = frames;
    this.#mutator = new Mutator(seed, frames);
  }

  fill(into: Uint8Array, at: number, max: number): number {
    const { random } = this.#mutator;
    const odd = random.below(64);
    if (odd < 2) return this.#mutator.fill(into, at, max);
    if (odd === 2) this.#next++;
    const frame = this.#frames[this.#next++ % this.#frames.length];
    if (frame.length > max) throw new Error("a frame of a stream is too long");
    into.set(frame, at);
    return frame.length;
  }
}
