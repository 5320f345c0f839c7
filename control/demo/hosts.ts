// Builds the demo's two hosts: vxlane on one, the kernel's vxlan device on the other, a veth pair between them.
//
//   a: blue0 (TAP) - vxlane - under0 ===== under0 - vxlan device vx0 :b

import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Agent } from "./lab/agent-client.js";
import type { Lab, Namespace } from "./lab/netns.js";
import type { Watched } from "./lab/process.js";

const VXLANE = fileURLToPath(new URL("../cli/main.js", import.meta.url));

/* Our choices. */
const READY_MS = 15_000;
export const PREFIX = "vxdemo";
export const VNI = 100;
export const VXLAN_PORT = 4789;
export const UNDERLAY = "under0";
const UNDERLAY_MTU = 1500;
const METRICS = "127.0.0.1:9479";

export interface Side {
  ns: Namespace;
  agent: Agent;
  underlay: string;
  overlay: string;
  mac: string;
  /** Its interface into the overlay. */
  device: string;
}

export interface Demo {
  lab: Lab;
  /** vxlane. */
  a: Side;
  /** The kernel. */
  b: Side;
}

/** Two namespaces with an underlay between them; the tunnel's ends come later. */
export async function buildHosts(lab: Lab): Promise<Demo> {
  const side = async (label: string, index: number, device: string): Promise<Side> => {
    const ns = await lab.host(label);
    const agent = await Agent.start(ns);
    const mac = `02:00:00:00:00:0${index}`;
    return { ns, agent, underlay: `10.99.0.${index}`, overlay: `192.168.0.${index}`, mac, device };
  };
  const [a, b] = await Promise.all([side("a", 1, "blue0"), side("b", 2, "vx0")]);
  await lab.link(
    { host: a.ns, name: UNDERLAY, addresses: [`${a.underlay}/24`] },
    { host: b.ns, name: UNDERLAY, addresses: [`${b.underlay}/24`] },
    UNDERLAY_MTU,
  );
  return { lab, a, b };
}

/** The kernel's end. */
export async function startKernel({ a, b }: Demo): Promise<void> {
  await b.ns.ip(
    `link add ${b.device} address ${b.mac} mtu ${UNDERLAY_MTU - 50} type vxlan id ${VNI} ` +
      `local ${b.underlay} remote ${a.underlay} dstport ${VXLAN_PORT} udpcsum`,
    `link set ${b.device} up`,
    `addr add ${b.overlay}/24 dev ${b.device}`,
  );
}

/** A running vxlane. */
export interface Vxlane {
  pid: number;
  process: Watched;
  socket: string;
  metrics: string;
  config: string;
  log: string;
}

/** vxlane's end. @throws with the end of its log, if it does not get ready */
export async function startVxlane({ lab, a, b }: Demo): Promise<Vxlane> {
  const directory = lab.directory();
  const file = (name: string) => join(directory, name);
  const [config, log, ready, socket] = [file("vxlane.yaml"), file("vxlane.log"), file("ready.json"), file("api.sock")];
  writeFileSync(config, configText(a, b, socket, file("state")));
  const files = { stdout: openSync(ready, "w"), stderr: openSync(log, "w") };
  const watched = a.ns.spawn(process.execPath, [VXLANE, "run", "--config", config], { files });
  closeSync(files.stdout);
  closeSync(files.stderr);
  for (const deadline = performance.now() + READY_MS; !readFileSync(ready, "utf8").includes("\n"); await sleep(10)) {
    if (watched.ended || performance.now() > deadline) {
      throw new Error(`vxlane did not get ready; the end of its log:\n${readFileSync(log, "utf8").slice(-3000)}`);
    }
  }
  await a.ns.ip(`addr add ${a.overlay}/24 dev ${a.device}`);
  return { pid: watched.child.pid ?? 0, process: watched, socket, metrics: `http://${METRICS}/metrics`, config, log };
}

function configText(a: Side, b: Side, socket: string, stateDir: string): string {
  return `local: ${a.underlay}
port: ${VXLAN_PORT}
api: { socket: ${socket} }
metrics: { listen: "${METRICS}" }
stateDir: ${stateDir}
networks:
  - vni: ${VNI}
    name: blue
    flood: { mode: headend, vteps: [${b.underlay}] }
    ports: [ { name: ${a.device}, driver: tap, mac: "${a.mac}" } ]
`;
}

/** The JSON answer of vxlane's API to a GET. @throws unless it is 200 */
export async function apiGet(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 5000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.once("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`GET ${path}: ${response.statusCode}: ${body}`));
      });
    });
    call.once("timeout", () => call.destroy(new Error(`GET ${path}: no answer`)));
    call.once("error", reject);
    call.end();
  });
}
