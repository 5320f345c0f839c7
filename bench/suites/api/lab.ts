// Two hosts on one veth: vxlane with so many FDB entries on one, the kernel's vxlan device on the other. All entries are
// static, behind the kernel's VTEP, and have come through the API.

import { request } from "node:http";
import { type Daemon, startDaemon } from "../../daemon.js";
import { ip, makeNamespace } from "../../host.js";
import type { Run } from "../../suite.js";
import { pinned } from "../path/pinning.js";

const [LOCAL, REMOTE] = ["10.99.0.1", "10.99.0.2"];
const VNI = 100;
export const [PORT, PEER, PORT_UNDERLAY, PEER_UNDERLAY] = ["blue0", "vx100", "w1", "w2"];
export const [PORT_MAC, PEER_MAC] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
export const [PORT_ADDRESS, PEER_ADDRESS] = ["10.60.0.1", "10.60.0.2"];
export const METRICS_URL = "http://127.0.0.1:9479/metrics";

/** Entries of one PUT, well below the largest body. */
const ENTRIES_A_PUT = 50_000;

export interface Lab {
  readonly entries: number;
  /** Namespaces. */
  readonly host: string;
  readonly peer: string;
  readonly daemon: Daemon;
}

export const NETWORK_PATH = `/v1/networks/${VNI}`;
export const FDB_PATH = `${NETWORK_PATH}/fdb`;
export const ENTRY_PATH = `${FDB_PATH}/${PEER_MAC}`;

export async function makeLab(run: Run, entries: number): Promise<Lab> {
  const host = await makeNamespace(run, `${entries}-a`);
  const peer = await makeNamespace(run, `${entries}-b`);
  await ip("link", "add", PORT_UNDERLAY, "netns", host, "type", "veth", "peer", "name", PEER_UNDERLAY, "netns", peer);
  for (const [namespace, device, address] of [
    [host, PORT_UNDERLAY, LOCAL],
    [peer, PEER_UNDERLAY, REMOTE],
  ] as const) {
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", device);
    await ip("-n", namespace, "link", "set", device, "up");
  }
  const tunnel = ["id", VNI, "local", REMOTE, "remote", LOCAL, "dstport", 4789, "dev", PEER_UNDERLAY].map(String);
  await ip("-n", peer, "link", "add", PEER, "address", PEER_MAC, "type", "vxlan", ...tunnel);
  const daemon = await startDaemon(run, host, config(entries), (file, args) => pinned("tunnel", file, args));
  for (const [namespace, device, address] of [
    [host, PORT, PORT_ADDRESS],
    [peer, PEER, PEER_ADDRESS],
  ] as const) {
    // No IPv6: its announcements would be frames that nobody sent.
    await ip("-n", namespace, "link", "set", device, "addrgenmode", "none");
    await ip("-n", namespace, "addr", "add", `${address}/24`, "dev", device);
    await ip("-n", namespace, "link", "set", device, "up");
  }
  await fill(run, daemon.socket, entries);
  return { entries, host, peer, daemon };
}

function config(entries: number): string {
  return `
local: ${LOCAL}
fdb: { capacity: ${Math.max(65_536, Math.ceil(entries * 1.05))} }
networks:
  - vni: ${VNI}
    name: blue
    flood: { mode: headend, vteps: [${REMOTE}] }
    ports: [ { name: ${PORT}, mac: "${PORT_MAC}" } ]
    fdb: [ { mac: "${PEER_MAC}", vtep: ${REMOTE} } ]
`;
}

/** Adds entries, the config's two included. */
async function fill(run: Run, socketPath: string, entries: number): Promise<void> {
  for (let start = 2; start < entries; start += ENTRIES_A_PUT) {
    run.checkpoint();
    const count = Math.min(ENTRIES_A_PUT, entries - start);
    const lines = Array.from({ length: count }, (_, i) => `{"mac":"${macOf(start + i)}","vtep":"${REMOTE}"}\n`);
    await put(socketPath, lines.join(""));
    if (entries > ENTRIES_A_PUT) run.progress(`${start + count} of ${entries} FDB entries`);
  }
}

function macOf(index: number): string {
  return `02:01:${(index.toString(16).padStart(8, "0").match(/../g) ?? []).join(":")}`;
}

function put(socketPath: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-ndjson" };
    const call = request({ socketPath, method: "PUT", path: FDB_PATH, headers }, (answer) => {
      answer.resume();
      answer.once("end", () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`PUT ${FDB_PATH}: ${answer.statusCode}`));
      });
    });
    call.once("error", reject);
    call.end(body);
  });
}
