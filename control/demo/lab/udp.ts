// UDP one way: single datagrams and trains that the kernel cuts, contents compared by hash, order left open.

import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { ConnectedSocket, SOCK_DGRAM } from "./sockets.js";

interface Collector {
  socket: Socket;
  hashes: string[];
}
/* Our choice. */
const LOOK_MS = 5;

const collectors = new Map<number, Collector>();

const hashOf = (data: Uint8Array) => `${data.length}:${createHash("sha256").update(data).digest("hex").slice(0, 16)}`;

/** Collects datagrams until `udpTaken`. */
export async function udpListen(address: string, port: number): Promise<void> {
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", recvBufferSize: 8 << 20 });
  const hashes: string[] = [];
  socket.on("message", (data) => hashes.push(hashOf(data)));
  socket.bind(port, address);
  await once(socket, "listening");
  collectors.set(port, { socket, hashes });
}

/** Waits for `count` datagrams, or until none has come for `quietMs`; the `length:hash` of each, sorted. */
export async function udpTaken(port: number, count: number, quietMs = 3000): Promise<string[]> {
  const collector = collectors.get(port);
  if (collector === undefined) throw new Error(`nothing listens at port ${port}`);
  const { hashes } = collector;
  for (let [seen, lastMs] = [-1, 0]; hashes.length < count; await sleep(LOOK_MS)) {
    if (hashes.length !== seen) [seen, lastMs] = [hashes.length, performance.now()];
    else if (performance.now() - lastMs > quietMs) break;
  }
  collectors.delete(port);
  collector.socket.close();
  return hashes.sort();
}

export interface UdpOptions {
  address: string;
  port: number;
  /** Length of each datagram. */
  sizes: number[];
  /** Given: all of `sizes` go in one call and the kernel cuts after so many bytes (so all but the last are of this size). */
  segment?: number;
}

/** Sends datagrams of random contents; the `length:hash` of each, sorted. */
export async function udpSend({ address, port, sizes, segment }: UdpOptions): Promise<string[]> {
  const socket = new ConnectedSocket(SOCK_DGRAM, 0, address, port);
  const datagrams = sizes.map((size) => randomBytes(size));
  try {
    if (segment !== undefined) {
      socket.segment(segment);
      socket.send(Buffer.concat(datagrams));
    } else {
      for (const datagram of datagrams) {
        socket.send(datagram);
        await immediate();
      }
    }
  } finally {
    socket.close();
  }
  return datagrams.map(hashOf).sort();
}

/** Sends the same datagrams from a plain UDP socket, as a peer (or an intruder) would. `from`: the source port. */
export async function sendDatagrams(
  address: string,
  port: number,
  datagrams: Uint8Array[],
  from?: string,
): Promise<void> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  socket.bind(0, from);
  await once(socket, "listening");
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, port, address, (error) => (error === null ? resolve() : reject(error))),
    );
  }
  socket.close();
}
