// The frames of one direction, from the port of one host to the tunnel device of the other: those that went in, those that
// came out, and those that somebody on the way says to have dropped.

import { request } from "node:http";
import { json } from "node:stream/consumers";
import { ip } from "../../host.js";
import type { Counts } from "../../measure.js";
import { type Lab, PEER, PEER_UNDERLAY, PORT, PORT_UNDERLAY } from "./lab.js";

export interface Books {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

interface LinkStats {
  readonly packets: number;
  readonly dropped: number;
}

interface Stats {
  readonly totals: { readonly encap: { readonly dropped: Readonly<Record<string, number>> } };
}

/** What a TAP's host sends, vxlane reads; what it could not read in time, the kernel drops there (`port_lost`). */
export async function readBooks(lab: Lab): Promise<Books> {
  const [port, underlay, peerUnderlay, peer, stats] = await Promise.all([
    link(lab.host, PORT),
    link(lab.host, PORT_UNDERLAY),
    link(lab.peer, PEER_UNDERLAY),
    link(lab.peer, PEER),
    readStats(lab.daemon.socket),
  ]);
  const byVxlane = Object.values(stats.totals.encap.dropped).reduce((sum, frames) => sum + frames, 0);
  return {
    sent: port.tx.packets + port.tx.dropped,
    received: peer.rx.packets,
    lost: byVxlane + underlay.tx.dropped + peerUnderlay.rx.dropped + peer.rx.dropped,
  };
}

export function balance(before: Books, after: Books): Counts {
  return {
    sent: after.sent - before.sent,
    received: after.received - before.received,
    lost: after.lost - before.lost,
  };
}

/** Frames that have come out. */
export async function received({ peer }: Lab): Promise<number> {
  return (await link(peer, PEER)).rx.packets;
}

async function link(namespace: string, device: string): Promise<{ rx: LinkStats; tx: LinkStats }> {
  const [found] = JSON.parse(await ip("-n", namespace, "-s", "-j", "link", "show", "dev", device)) as {
    stats64: { rx: LinkStats; tx: LinkStats };
  }[];
  if (found === undefined) throw new Error(`${namespace} has no device ${device}`);
  return found.stats64;
}

function readStats(socketPath: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: "/v1/stats" }, (answer) => resolve(json(answer) as Promise<Stats>));
    call.once("error", reject);
    call.end();
  });
}
