// A program: sends one frame into an interface over and over, at a steady rate, some each millisecond. (trafgen's --rate sends
// a whole second's frames at once and then waits for the next second.) What it could not send in time, because somebody
// else had its core, it does not make up for in one burst. It runs until somebody stops it.
//
//   node pacer.js '{"device":"blue0","frame":"02…","rate":100000}'

import { fileURLToPath } from "node:url";
import { listInterfaces } from "../../../control/linux/index.js";
import { bind, check, send } from "../../../control/linux/libc.js";
import {
  AF_PACKET,
  openPacketSocket,
  PACKET_VIRTIO_LEN,
  SLL_FAMILY,
  SLL_IFINDEX,
  SOCKADDR_LL_SIZE,
} from "../../../control/linux/packet.js";

/* Our choices. */
const TICK_MS = 1;
/** Frames that are late by more are not sent: a burst of so many still fits into the port's queue. */
const LATE_MS = 5;

export interface PacerOrder {
  readonly device: string;
  /** Ethernet header and all, in hex. */
  readonly frame: string;
  /** Frames a second. */
  readonly rate: number;
}

export const PACER = fileURLToPath(import.meta.url);

function run({ device, frame, rate }: PacerOrder): never {
  const link = listInterfaces().find(({ name }) => name === device);
  if (link === undefined) throw new Error(`there is no interface ${device}`);
  const fd = openPacketSocket();
  const address = Buffer.alloc(SOCKADDR_LL_SIZE);
  address.writeUInt16LE(AF_PACKET, SLL_FAMILY);
  address.writeInt32LE(link.index, SLL_IFINDEX);
  check(bind(fd, address, address.length), "bind AF_PACKET");
  const bytes = Buffer.concat([Buffer.alloc(PACKET_VIRTIO_LEN), Buffer.from(frame, "hex")]);
  const idle = new Int32Array(new SharedArrayBuffer(4));
  const frameMs = 1000 / rate;
  for (let dueMs = performance.now(); ; ) {
    const nowMs = performance.now();
    dueMs = Math.max(dueMs, nowMs - LATE_MS);
    for (; dueMs < nowMs; dueMs += frameMs) send(fd, bytes, bytes.length, 0);
    Atomics.wait(idle, 0, 0, TICK_MS);
  }
}

if (process.argv[1] === PACER) run(JSON.parse(process.argv[2] ?? "{}") as PacerOrder);
