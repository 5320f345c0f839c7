// What sends the frames: trafgen as fast as it can, or the pacer at a steady rate. Both send the same frame, 64 B of UDP from
// the port's host to nobody, so the receiver counts it and forgets it.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnIn } from "../../host.js";
import { folderPrefix } from "../../orphans.js";
import type { Run } from "../../suite.js";
import { pinned } from "../path/pinning.js";
import { type Lab, PEER_MAC, PORT, PORT_ADDRESS, PORT_MAC } from "./lab.js";
import { PACER, type PacerOrder } from "./pacer.js";
import { GENERATOR_NICE, prioritise } from "./priority.js";

/* From IEEE 802.3, RFC 791 and RFC 768. */
const ETHERNET_LEN = 14;
const IPV4_LEN = 20;
const IPV4_CHECKSUM = 10;
const IPV4_SRC = 12;
const PROTOCOL_UDP = 17;
const TTL = 64;

/* Our choices. */
const FRAME_LEN = 64;
const PORT_NUMBER = 9999;
/** A host that nobody is: the receiver counts the frame and forgets it. */
const NOBODY = "10.60.0.99";

/** Sends until it is stopped. @param rate frames a second; undefined: as many as there can be */
export function generate(run: Run, lab: Lab, frames: string, rate: number | undefined): ChildProcess {
  const [program, ...args] = rate === undefined ? flatOut(frames) : paced(rate);
  const [file = "", ...rest] = pinned("sender", program, args);
  const child = spawnIn(run, lab.host, file, rest);
  if (rate !== undefined) prioritise(child, GENERATOR_NICE);
  return child;
}

function flatOut(frames: string): [string, ...string[]] {
  return ["trafgen", "--dev", PORT, "--conf", frames, "-n", "0", "-P", "1"];
}

function paced(rate: number): [string, ...string[]] {
  const order: PacerOrder = { device: PORT, frame: frame().toString("hex"), rate };
  return [process.execPath, PACER, JSON.stringify(order)];
}

export function requireAlive({ exitCode }: ChildProcess): void {
  if (exitCode !== null) throw new Error(`the generator ended with ${exitCode}`);
}

/** @returns the file that trafgen wants */
export function writeFrame(run: Run): string {
  const folder = mkdtempSync(folderPrefix());
  run.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "frames.cfg");
  writeFileSync(file, `{ ${[...frame()].map((byte) => `0x${byte.toString(16)}`).join(", ")} }\n`);
  return file;
}

/** UDP from the port's host to nobody. */
function frame(): Buffer {
  const bytes = Buffer.alloc(FRAME_LEN, 0x5a);
  const mac = (text: string) => Buffer.from(text.replaceAll(":", ""), "hex");
  bytes.set([...mac(PEER_MAC), ...mac(PORT_MAC), 0x08, 0x00]);
  bytes.set([0x45, 0, 0, FRAME_LEN - ETHERNET_LEN, 0, 0, 0x40, 0, TTL, PROTOCOL_UDP, 0, 0], ETHERNET_LEN);
  bytes.set(
    [PORT_ADDRESS, NOBODY].flatMap((address) => address.split(".").map(Number)),
    ETHERNET_LEN + IPV4_SRC,
  );
  bytes.writeUInt16BE(checksum(bytes.subarray(ETHERNET_LEN, ETHERNET_LEN + IPV4_LEN)), ETHERNET_LEN + IPV4_CHECKSUM);
  const udp = ETHERNET_LEN + IPV4_LEN;
  bytes.writeUInt16BE(PORT_NUMBER, udp);
  bytes.writeUInt16BE(PORT_NUMBER, udp + 2);
  bytes.writeUInt16BE(FRAME_LEN - udp, udp + 4);
  bytes.writeUInt16BE(0, udp + 6); // no checksum
  return bytes;
}

/** RFC 1071. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
