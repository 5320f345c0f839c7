// Forwarding alone: host a has a container at a port and the underlay on the other side, and nothing else happens there.
// What the container sends is counted on the underlay (encap); what comes on the underlay is in VXLAN already, and is
// counted in the container (decap). So each direction is measured by itself, and so is the same driver when it only
// switches from port to port.

import type { Daemon } from "../../daemon.js";
import { ip } from "../../host.js";
import type { Run } from "../../suite.js";
import { bridge, bridgeEntry } from "./bridge.js";
import { startXdpLoop } from "./c-loop.js";
import type { Contender } from "./contenders.js";
import { udpFrame, vxlanFrame } from "./frames.js";
import {
  container,
  type Direction,
  describe,
  type End,
  type Host,
  kernelVxlan,
  NOBODYS_MAC,
  OVERLAY,
  PORT,
  twoHosts,
  UNDERLAY,
  UNDERLAY_DEVICE,
  VNI,
  VXLAN_PORT,
  type Way,
} from "./hosts.js";
import { OVS_PROGRAMS, startOvs } from "./ovs.js";
import { startVxlane, type VxlaneConfig } from "./vxlane.js";

/** The sender and the forwarder: nobody reads what comes out. */
const PARTIES = 2;
export const NO_TUNNEL = "vxlane xdp no tunnel";
const C_NO_TUNNEL = "C xdp no tunnel";
const LOOPBACK = "127.0.0.1";
/** Of contenders whose frames leave as they came. */
const WITHOUT_TUNNEL = new Set([NO_TUNNEL, C_NO_TUNNEL]);
/**
 * MACs behind the port and behind the tunnel. Nobody has them, so whoever counts a frame drops it at once: a container
 * that was meant would look for a socket, and that would be most of what is measured.
 */
const NEAR_MAC = "02:00:00:00:0a:0a";
const FAR_MAC = "02:00:00:00:0b:0b";

interface Forwarder {
  readonly name: string;
  readonly programs?: readonly string[];
  /** Left out by `--quick`. */
  readonly fullOnly?: boolean;
  /** @returns what runs, where something does */
  build(run: Run, host: Host): Promise<(Pick<Daemon, "ended"> & { readonly pid?: number }) | undefined>;
}

function forwarding({ name, programs, fullOnly, build }: Forwarder): Contender {
  return {
    name,
    programs,
    fullOnly,
    endToEnd: false,
    tests: ["encap-64", "decap-64", "encap-64-flood", "decap-64-flood"],
    build: async (run, label) => {
      const { a, b } = await twoHosts(run, `${label}f`);
      const inner = await container(run, `${label}f`, a, OVERLAY.a);
      // Host b counts what comes, and does nothing else with it.
      const neighbour = [UNDERLAY.b, "lladdr", NOBODYS_MAC, "dev", UNDERLAY_DEVICE, "nud", "permanent"];
      await ip("-n", a.namespace, "neigh", "replace", ...neighbour);
      const host = await describe(a, UNDERLAY_DEVICE, UNDERLAY.a);
      const daemon = await build(run, a);
      const way = forwarded(name, inner, host, await describe(b, UNDERLAY_DEVICE, UNDERLAY.b));
      return { ...way, broken: daemon?.ended, tunnel: daemon?.pid };
    },
  };
}

function xdp(profiled?: boolean): Forwarder {
  const config: VxlaneConfig = {
    underlay: { driver: "xdp", interface: UNDERLAY_DEVICE },
    ports: [{ name: PORT, driver: "xdp" }],
    fdb: [
      { mac: NEAR_MAC, port: PORT },
      { mac: FAR_MAC, vtep: UNDERLAY.b },
    ],
    options: { workers: 1 },
  };
  return {
    name: "vxlane xdp",
    build: (run, host) => startVxlane(run, host, "a", config, { parties: PARTIES, profiled }),
  };
}

const FORWARDERS: readonly Forwarder[] = [
  {
    name: "bridge+kernel",
    build: async (_run, host) => {
      const tunnel = await kernelVxlan(host, "a");
      await bridge(host, [PORT, tunnel]);
      await bridgeEntry(host, NEAR_MAC, PORT);
      await bridgeEntry(host, FAR_MAC, tunnel);
      return undefined;
    },
  },
  {
    name: "ovs",
    programs: OVS_PROGRAMS,
    build: async (run, host) => {
      const fdb = [
        { port: PORT, mac: NEAR_MAC },
        { port: "vxlan0", mac: FAR_MAC },
      ];
      await startOvs(run, host, { ports: [PORT], fdb, nextHopMac: NOBODYS_MAC, parties: PARTIES });
      return undefined;
    },
  },
  xdp(),
  {
    name: NO_TUNNEL,
    build: async (run, host) => {
      const config: VxlaneConfig = {
        underlay: { driver: "udp" },
        ports: [
          { name: PORT, driver: "xdp" },
          { name: UNDERLAY_DEVICE, driver: "xdp" },
        ],
        fdb: [
          { mac: NEAR_MAC, port: PORT },
          { mac: FAR_MAC, port: UNDERLAY_DEVICE },
        ],
        // What has the local address may not be a port.
        options: { workers: 1, local: LOOPBACK },
      };
      return startVxlane(run, host, "a", config, { parties: PARTIES });
    },
  },
  {
    name: "C xdp",
    programs: ["gcc"],
    fullOnly: true,
    build: (run, host) => startXdpLoop(run, host, true, PARTIES),
  },
  {
    name: C_NO_TUNNEL,
    programs: ["gcc"],
    fullOnly: true,
    build: (run, host) => startXdpLoop(run, host, false, PARTIES),
  },
];

export const FORWARDING: readonly Contender[] = FORWARDERS.map(forwarding);

/** For whoever wants to see inside. */
export const PROFILED_FORWARDING: Contender = forwarding(xdp(true));

/** Out: what the container sends to somebody behind the tunnel. In: the answer, in VXLAN if there is a tunnel. */
function forwarded(name: string, a: End, host: End, b: End): Way {
  const frame = (direction: Direction, frameLen: number): Uint8Array => {
    const [near, far] = [
      { mac: NEAR_MAC, ip: OVERLAY.a },
      { mac: FAR_MAC, ip: OVERLAY.b },
    ];
    const [from, to] = direction === "out" ? [near, far] : [far, near];
    const inner = udpFrame({ srcMac: from.mac, dstMac: to.mac, src: from.ip, dst: to.ip }, frameLen);
    if (direction === "out" || WITHOUT_TUNNEL.has(name)) return inner;
    const outer = { srcMac: b.mac, dstMac: host.mac, src: UNDERLAY.b, dst: UNDERLAY.a };
    return vxlanFrame(outer, { port: VXLAN_PORT, vni: VNI }, inner);
  };
  const entry = { out: { namespace: host.namespace, device: PORT }, in: host };
  return { a, b, frame, entry };
}
