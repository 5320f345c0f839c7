// Who picks the outer source port, and how. vxlane's own is the compiled module; the others are their formulas.

import { instantiateDataplane } from "../../../control/dataplane.js";
import { createMemory } from "../../../control/memory.js";
import { BUFFERS, HEADROOM, SYSTEM_SRC_PORT_COUNT, SYSTEM_SRC_PORT_MIN } from "../../../dataplane-wasm/layout.js";
import type { Flow } from "./flows.js";
import { murmurAdd, murmurFinish, SipHash } from "./hashes.js";
import type { Random } from "./random.js";

/** Ports from min up to but without `end`. */
export interface PortRange {
  readonly min: number;
  readonly end: number;
}

export interface Chooser {
  readonly name: string;
  readonly range: PortRange;
  /** A function from flow to port, with keys of its own where it has any. */
  choose(random: Random): (flow: Flow) => number;
}

export const PERFECT = "perfect hash";
export const VXLANE = "vxlane";
export const LINUX = "Linux formula";
export const OVS = "OVS formula";

/* RFC 7348 section 5: the dynamic range of RFC 6335. vxlane's default. */
const RFC_RANGE: PortRange = { min: 49152, end: 65536 };
/* net.ipv4.ip_local_port_range: 32768 to 60999; udp_flow_src_port never gives the last one. */
const LINUX_RANGE: PortRange = { min: 32768, end: 60999 };
/* tnl/egress_port_range of Open vSwitch; the last is never given. */
const OVS_RANGE: PortRange = { min: 32768, end: 61000 };
const OVS_FINAL = 42;

/** Picks a port by a throw of dice, once a flow: what no hash can beat but by knowing all flows. */
export const perfect: Chooser = {
  name: PERFECT,
  range: RFC_RANGE,
  choose: (random) => () => RFC_RANGE.min + random.below(RFC_RANGE.end - RFC_RANGE.min),
};

/** udp_flow_src_port over the SipHash of the flow dissector, whose keys are the same for both directions of a flow. */
export const linux: Chooser = {
  name: LINUX,
  range: LINUX_RANGE,
  choose: (random) => {
    const sip = new SipHash([random.word(), random.word(), random.word(), random.word()]);
    return (flow) => {
      const { src, dst, protocol, srcPort, dstPort } = flow.dst < flow.src ? reversed(flow) : flow;
      const flowHash = sip.hash([src, dst, ((srcPort << 16) | dstPort) >>> 0, protocol]).low || 1;
      return scaled(flowHash ^ (flowHash << 16), LINUX_RANGE);
    };
  },
};

/** Of its userspace datapath: the hash of the 5-tuple. */
export const ovs: Chooser = {
  name: OVS,
  range: OVS_RANGE,
  choose: () => (flow) => {
    const ports = ((flow.dstPort << 16) | flow.srcPort) >>> 0;
    const words = [flow.src, flow.dst, flow.protocol, ports];
    return scaled(murmurFinish(words.reduce(murmurAdd, 0), OVS_FINAL), OVS_RANGE);
  },
};

function reversed({ src, dst, protocol, srcPort, dstPort }: Flow): Flow {
  return { src: dst, dst: src, protocol, srcPort: dstPort, dstPort: srcPort };
}

function scaled(hash: number, { min, end }: PortRange): number {
  return min + Math.floor(((hash >>> 0) / 2 ** 32) * (end - min));
}

const ETH_LEN = 14;
const IPV4_LEN = 20;
const FRAME_LEN = 64;

/** The compiled module, at its default range. */
export async function vxlane(module: WebAssembly.Module): Promise<Chooser> {
  const { memory, u32 } = createMemory();
  const dataplane = await instantiateDataplane(module, memory);
  dataplane.initialise();
  u32[SYSTEM_SRC_PORT_MIN / 4] = RFC_RANGE.min;
  u32[SYSTEM_SRC_PORT_COUNT / 4] = RFC_RANGE.end - RFC_RANGE.min;
  const frame = BUFFERS + HEADROOM;
  const bytes = new DataView(memory.buffer, frame, FRAME_LEN);
  bytes.setUint16(ETH_LEN - 2, 0x0800);
  bytes.setUint8(ETH_LEN, 0x45);
  bytes.setUint16(ETH_LEN + 2, FRAME_LEN - ETH_LEN);
  const choose = () => (flow: Flow) => {
    bytes.setUint8(ETH_LEN + 9, flow.protocol);
    bytes.setUint32(ETH_LEN + 12, flow.src);
    bytes.setUint32(ETH_LEN + 16, flow.dst);
    bytes.setUint16(ETH_LEN + IPV4_LEN, flow.srcPort);
    bytes.setUint16(ETH_LEN + IPV4_LEN + 2, flow.dstPort);
    return dataplane.outerSourcePort(dataplane.flowHash(frame, FRAME_LEN));
  };
  return { name: VXLANE, range: RFC_RANGE, choose };
}
