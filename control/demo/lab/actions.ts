// The list of what a host of the lab can do: ping, move TCP and UDP and tell whether it came whole, catch and send frames.
//
// Every action is one call with plain data in and out, so that it can be asked for over a process boundary (agent.ts).
// Contents are random and compared by SHA-256: what arrives in another order, twice or with one wrong bit gives
// another hash.

import { capture, caught, sendFrames } from "./frames.js";
import { ping } from "./ping.js";
import { tcpListen, tcpSend, tcpTransfer } from "./tcp.js";
import { sendDatagrams, udpListen, udpSend, udpTaken } from "./udp.js";

/** The body of an HTTP answer of 200. No connection stays open behind it. */
async function httpGet(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(5000) });
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
