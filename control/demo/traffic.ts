// The demo's traffic: echoes and TCP, both ways, contents compared.

import type { Side } from "./hosts.js";

/* Our choices. */
const ECHOES = 10;
const PORT = 5001;
const TCP_BYTES = 512 * 1024 * 1024;
const TCP_MS = 2000;

export interface PingResult {
  sent: number;
  /** Round trip, ms. */
  medianMs: number;
}

/** @throws if an echo is lost, the first one apart: it may wait for ARP */
export async function pings(from: Side, to: Side): Promise<PingResult> {
  await from.agent.call("ping", { address: to.overlay, count: 2 });
  const times = await from.agent.call("ping", { address: to.overlay, count: ECHOES });
  const answered = times.filter((time) => time !== null).sort((left, right) => left - right);
  const lost = ECHOES - answered.length;
  if (lost > 0) throw new Error(`${lost} of ${ECHOES} echoes from ${from.ns.label} to ${to.overlay} got no answer`);
  return { sent: ECHOES, medianMs: answered[ECHOES >> 1] ?? 0 };
}

export interface TcpResult {
  bytes: number;
  bitsPerSecond: number;
  sha256: string;
}

/** One connection for about two seconds. @throws if what arrives is not what was sent */
export async function tcp(from: Side, to: Side): Promise<TcpResult> {
  await to.agent.call("tcpListen", to.overlay, PORT);
  const sent = await from.agent.call("tcpSend", to.overlay, PORT, { bytes: TCP_BYTES, durationMs: TCP_MS });
  const { bytes, sha256, ms } = await to.agent.call("tcpTransfer", PORT);
  if (bytes !== sent.bytes || sha256 !== sent.sha256) {
    throw new Error(`TCP from ${from.ns.label}: ${sent.bytes} bytes were sent, ${bytes} came, and their hashes differ`);
  }
  return { bytes, bitsPerSecond: (bytes * 8000) / ms, sha256 };
}
