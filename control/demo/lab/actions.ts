// Owns what a host of the lab can do: ping, move TCP and UDP and tell whether it came whole, catch and send frames.
//
// Every action is one call with plain data in and out, so that it can be asked for over a process boundary (agent.ts).
// Contents come from a seeded generator and are compared by SHA-256: what arrives in another order, twice or with one
// wrong bit gives another hash.

import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createConnection, createServer, isIPv6, type Server } from "node:net";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { ConnectedSocket, interfaceIndex, PacketSocket, SOCK_DGRAM, SOCK_RAW } from "./sockets.js";

/* From RFC 792 and RFC 4443. */
const ICMP_ECHO = 8;
const ICMP_ECHO_REPLY = 0;
const ICMPV6_ECHO = 128;
const ICMPV6_ECHO_REPLY = 129;
const ICMP_LEN = 8;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

/* Our choices. */
const BLOCK = 1 << 20;
const SPIN_MS = 20; // a reply on one machine is a matter of microseconds: look for it without sleeping first

export interface PingOptions {
  address: string;
  count?: number;
  /** Bytes of ICMP payload. */
  size?: number;
  /** For each reply. */
  timeoutMs?: number;
}

/** Round-trip time of each echo in ms; null for one that got no answer. */
async function ping({ address, count = 1, size = 56, timeoutMs = 1000 }: PingOptions): Promise<(number | null)[]> {
  const v6 = isIPv6(address);
  const socket = new ConnectedSocket(SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, address, 0);
  const id = process.pid & 0xffff;
  const times: (number | null)[] = [];
  try {
    for (let sequence = 1; sequence <= count; sequence++) {
      const echo = Buffer.alloc(ICMP_LEN + size);
      echo[0] = v6 ? ICMPV6_ECHO : ICMP_ECHO;
      echo.writeUInt16BE(id, 4);
      echo.writeUInt16BE(sequence, 6);
      randomBytes(size).copy(echo, ICMP_LEN);
      if (!v6) echo.writeUInt16BE(internetChecksum(echo), 2); // the kernel fills in that of ICMPv6
      const start = performance.now();
      socket.send(echo);
      times.push(await echoReply(socket, echo, v6, start, timeoutMs));
    }
  } finally {
    socket.close();
  }
  return times;
}

async function echoReply(
  socket: ConnectedSocket,
  echo: Buffer,
  v6: boolean,
  start: number,
  timeoutMs: number,
): Promise<number | null> {
  for (;;) {
    const packet = socket.receive();
    const elapsed = performance.now() - start;
    if (packet === undefined) {
      if (elapsed > timeoutMs) return null;
      await (elapsed < SPIN_MS ? immediate() : sleep(1));
      continue;
    }
    const reply = v6 ? packet : packet.subarray(((packet[0] ?? 0) & 0xf) * 4); // a raw IPv4 socket gets the IP header too
    const isReply = reply[0] === (v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY);
    if (isReply && reply.subarray(4).equals(echo.subarray(4))) return elapsed;
  }
}

/** RFC 1071. */
function internetChecksum(data: Buffer): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += i + 1 < data.length ? data.readUInt16BE(i) : (data[i] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface Transfer {
  bytes: number;
  sha256: string;
  /** From the first byte to the last. */
  ms: number;
}

const servers = new Map<number, { server: Server; transfer: Promise<Transfer> }>();

/** Accepts one connection. The port is the caller's choice, so that `tcpTransfer` can name it. */
async function tcpListen(address: string, port: number): Promise<void> {
  const server = createServer({ pauseOnConnect: false });
  const transfer = new Promise<Transfer>((resolve, reject) => {
    server.once("connection", (socket) => {
      const hash = createHash("sha256");
      let bytes = 0;
      let start = 0;
      socket.on("data", (data) => {
        if (bytes === 0) start = performance.now();
        bytes += data.length;
        hash.update(data);
      });
      socket.once("end", () => {
        resolve({ bytes, sha256: hash.digest("hex"), ms: performance.now() - start });
        socket.end();
      });
      socket.once("error", reject);
    });
  });
  transfer.catch(() => undefined); // whoever asks for it sees it
  server.listen(port, address);
  await once(server, "listening");
  servers.set(port, { server, transfer });
}

/** What came in at the port, once the other side has closed. */
async function tcpTransfer(port: number): Promise<Transfer> {
  const entry = servers.get(port);
  if (entry === undefined) throw new Error(`nothing listens at port ${port}`);
  servers.delete(port);
  try {
    return await entry.transfer;
  } finally {
    entry.server.close();
  }
}

export interface SendLimits {
  /** No more bytes than that. */
  bytes: number;
  /** Nothing new after that time. */
  durationMs?: number;
  /** Gives up when nothing moves for so long. */
  timeoutMs?: number;
}

/** Sends pseudo-random bytes and waits until the other side has taken all. */
async function tcpSend(
  address: string,
  port: number,
  { bytes, durationMs = Number.POSITIVE_INFINITY, timeoutMs = 20_000 }: SendLimits,
): Promise<Transfer> {
  const socket = createConnection({ host: address, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no progress for ${timeoutMs} ms`)));
  await once(socket, "connect");
  const start = performance.now();
  const hash = createHash("sha256");
  const block = randomBytes(BLOCK);
  let sent = 0;
  while (sent < bytes && performance.now() - start < durationMs) {
    const part = Buffer.from(block.subarray(0, Math.min(BLOCK, bytes - sent)));
    if (part.length >= 8) part.writeDoubleBE(sent, 0); // no block is like another
    hash.update(part);
    sent += part.length;
    if (!socket.write(part)) await once(socket, "drain");
  }
  socket.end();
  socket.resume();
  await once(socket, "close");
  return { bytes: sent, sha256: hash.digest("hex"), ms: performance.now() - start };
}

interface Collector {
  socket: Socket;
  hashes: string[];
}
const collectors = new Map<number, Collector>();

const hashOf = (data: Uint8Array) => `${data.length}:${createHash("sha256").update(data).digest("hex").slice(0, 16)}`;

/** Collects datagrams until `udpTaken`. */
async function udpListen(address: string, port: number): Promise<void> {
  const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4", recvBufferSize: 8 << 20 });
  const hashes: string[] = [];
  socket.on("message", (data) => hashes.push(hashOf(data)));
  socket.bind(port, address);
  await once(socket, "listening");
  collectors.set(port, { socket, hashes });
}

/** Waits for `count` datagrams, or until none has come for `quietMs`; the `length:hash` of each, sorted. */
async function udpTaken(port: number, count: number, quietMs = 500): Promise<string[]> {
  const collector = collectors.get(port);
  if (collector === undefined) throw new Error(`nothing listens at port ${port}`);
  for (let seen = -1; collector.hashes.length < count && collector.hashes.length !== seen; ) {
    seen = collector.hashes.length;
    await sleep(quietMs);
  }
  collectors.delete(port);
  collector.socket.close();
  return collector.hashes.sort();
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
async function udpSend({ address, port, sizes, segment }: UdpOptions): Promise<string[]> {
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

/** A frame that passed an interface. */
export interface CaughtFrame {
  interface: string;
  outgoing: boolean;
  checksumPending: boolean;
  data: Uint8Array;
}

interface Capture {
  socket: PacketSocket;
  names: Map<number, string>;
}
const captures = new Map<number, Capture>();
let captureCount = 0;

/** Keeps what passes these interfaces from now on. Returns the number that `caught` wants. */
async function capture(interfaces: string[]): Promise<number> {
  const names = new Map(interfaces.map((name) => [interfaceIndex(name), name]));
  captures.set(++captureCount, { socket: new PacketSocket(), names });
  return captureCount;
}

/** Ends a capture: its frames in their order. */
async function caught(id: number): Promise<CaughtFrame[]> {
  const entry = captures.get(id);
  if (entry === undefined) throw new Error(`there is no capture ${id}`);
  captures.delete(id);
  const frames: CaughtFrame[] = [];
  for (let frame = entry.socket.receive(); frame !== undefined; frame = entry.socket.receive()) {
    const name = entry.names.get(frame.interface);
    if (name !== undefined) frames.push({ ...frame, interface: name });
  }
  entry.socket.close();
  return frames;
}

/** Sends Ethernet frames as they are. */
async function sendFrames(name: string, frames: Uint8Array[]): Promise<void> {
  const socket = new PacketSocket(name);
  try {
    for (const frame of frames) socket.send(frame);
  } finally {
    socket.close();
  }
}

/** Sends the same datagrams from a plain UDP socket, as a peer (or an intruder) would. `from`: the source port. */
async function sendDatagrams(address: string, port: number, datagrams: Uint8Array[], from?: string): Promise<void> {
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

/** The body of an HTTP answer of 200. */
async function httpGet(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.text();
}

export const actions = {
  ping,
  tcpListen,
  tcpTransfer,
  tcpSend,
  udpListen,
  udpTaken,
  udpSend,
  capture,
  caught,
  sendFrames,
  sendDatagrams,
  httpGet,
};
export type Actions = typeof actions;
