// ICMP echo, which Node does not have and a bare Debian has no program for.

import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { ConnectedSocket, SOCK_RAW } from "./sockets.js";

/* From RFC 792 and RFC 4443. */
const ICMP_ECHO = 8;
const ICMP_ECHO_REPLY = 0;
const ICMPV6_ECHO = 128;
const ICMPV6_ECHO_REPLY = 129;
const ICMP_LEN = 8;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

/* Our choice: a reply on one machine is a matter of microseconds, so look for it without sleeping first. */
const SPIN_MS = 20;

export interface PingOptions {
  address: string;
  count?: number;
  /** Bytes of ICMP payload. */
  size?: number;
  /** For each reply. */
  timeoutMs?: number;
}

/** Round-trip time of each echo in ms; null for one that got no answer. */
export async function ping({
  address,
  count = 1,
  size = 56,
  timeoutMs = 1000,
}: PingOptions): Promise<(number | null)[]> {
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
