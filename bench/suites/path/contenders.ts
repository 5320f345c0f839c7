// Everybody who takes part, and how each is built. A contender is a name, the tests that it takes part in, and a
// function that builds it; a driver of vxlane's is one object of configuration.
//
// Side a is the contender and side b the kernel's vxlan device ("both ends": vxlane as well). A contender whose driver
// is a TAP, or who is the kernel's device itself, has its end in host a; a bridge and an AF_XDP port serve a container.

import type { Daemon } from "../../daemon.js";
import type { Run } from "../../suite.js";
import { bridge } from "./bridge.js";
import { type LoopKind, startLoop } from "./c-loop.js";
import {
  container,
  describe,
  type End,
  type Host,
  inside,
  introduce,
  kernelVxlan,
  OVERLAY,
  openEnd,
  PORT,
  twoHosts,
  UNDERLAY,
  UNDERLAY_DEVICE,
  type Way,
} from "./hosts.js";
import { OVS_DEVICE, OVS_PROGRAMS, startOvs } from "./ovs.js";
import { type Port, startVxlane, type VxlaneConfig } from "./vxlane.js";

export type TestId =
  | `tcp-${1 | 8}-${"out" | "in"}`
  | `frames-${64 | 512 | 1400}-${"out" | "in"}`
  | "rtt"
  | "rtt-load"
  | `${"encap" | "decap"}-64`
  | `${"encap" | "decap"}-64-flood`;

export interface Contender {
  readonly name: string;
  /** Has hosts at both ends, or only forwards between two devices. */
  readonly endToEnd: boolean;
  /** undefined: every end-to-end test. */
  readonly tests?: readonly TestId[];
  /** Left out by `--quick`. */
  readonly fullOnly?: boolean;
  readonly programs?: readonly string[];
  /** @param label unique, for the names of its namespaces. @throws with the reason why it cannot take part */
  build(run: Run, label: string): Promise<Way>;
}

const TAP = "vxlane0";

type Driver = VxlaneConfig["underlay"]["driver"];

/** No tunnel. */
export const PLAIN = "veth";

const veth: Contender = {
  name: PLAIN,
  endToEnd: true,
  build: async (run, label) => {
    const { a, b } = await twoHosts(run, label);
    return introduce(await describe(a, UNDERLAY_DEVICE, UNDERLAY.a), await describe(b, UNDERLAY_DEVICE, UNDERLAY.b));
  },
};

const kernel: Contender = {
  name: "kernel",
  endToEnd: true,
  build: async (run, label) => {
    const { a, b } = await twoHosts(run, label);
    return introduce(await openEnd(a, await kernelVxlan(a, "a"), OVERLAY.a), await kernelEnd(b));
  },
};

const bridgeKernel: Contender = {
  name: "bridge+kernel",
  endToEnd: true,
  build: async (run, label) => {
    const { a, b } = await twoHosts(run, label);
    const inner = await container(run, label, a, OVERLAY.a);
    await bridge(a, [PORT, await kernelVxlan(a, "a")]);
    return introduce(inner, await kernelEnd(b));
  },
};

const ovs: Contender = {
  name: "ovs",
  endToEnd: true,
  programs: [...OVS_PROGRAMS, "ethtool"],
  build: async (run, label) => {
    const { a, b } = await twoHosts(run, label);
    const tunnel = await startOvs(run, a);
    await finishAsOnAWire(run, b);
    return { ...(await introduce(await openEnd(a, OVS_DEVICE, OVERLAY.a), await kernelEnd(b))), tunnel };
  },
};

/** The loops of drivers in C. */
const C_LOOPS: Readonly<Record<LoopKind, string>> = { udp: "C loop", tap: "C tap loop" };

function cLoop(kind: LoopKind, name: string, tests: readonly TestId[], bothEnds = false): Contender {
  return {
    name,
    endToEnd: true,
    tests,
    fullOnly: true,
    programs: ["gcc"],
    build: async (run, label) => {
      const { a, b } = await twoHosts(run, label);
      const loop = await startLoop(run, a, "a", TAP, kind);
      const ours = await openEnd(a, TAP, OVERLAY.a);
      if (!bothEnds) return { ...(await introduce(ours, await kernelEnd(b))), tunnel: loop.pid, broken: loop.ended };
      const other = await startLoop(run, b, "b", TAP, kind);
      const way = await introduce(ours, { ...(await openEnd(b, TAP, OVERLAY.b)), joins: true });
      return { ...way, tunnel: loop.pid, broken: () => loop.ended() ?? other.ended() };
    },
  };
}

interface Variant {
  readonly suffix?: string;
  readonly bothEnds?: boolean;
  /** tap unless the underlay is xdp. */
  readonly port?: Port["driver"];
  readonly options?: VxlaneConfig["options"];
  readonly tests?: readonly TestId[];
  readonly fullOnly?: boolean;
  /** Its code has names for perf. */
  readonly profiled?: boolean;
}

function vxlane(driver: Driver, { suffix, bothEnds, port, options, profiled, ...rest }: Variant = {}): Contender {
  const portDriver = port ?? (driver === "xdp" ? "xdp" : "tap");
  const config = (name: string): VxlaneConfig => ({
    underlay: driver === "udp" ? { driver } : { driver, interface: UNDERLAY_DEVICE },
    ports: [{ name, driver: portDriver }],
    options,
  });
  const side = async (run: Run, label: string, host: Host, which: "a" | "b"): Promise<[End, Daemon]> => {
    if (portDriver === "xdp") {
      const inner = await container(run, `${label}${which}`, host, OVERLAY[which]);
      return [inner, await startVxlane(run, host, which, config(PORT), { profiled })];
    }
    const daemon = await startVxlane(run, host, which, config(TAP), { profiled });
    return [{ ...(await openEnd(host, TAP, OVERLAY[which])), joins: true }, daemon];
  };
  return {
    name: ["vxlane", driver, ...(suffix === undefined ? [] : [suffix])].join(" "),
    endToEnd: true,
    ...rest,
    build: async (run, label) => {
      const { a, b } = await twoHosts(run, label);
      const [ours, daemon] = await side(run, label, a, "a");
      const tunnel = daemon.pid;
      if (!bothEnds) return { ...(await introduce(ours, await kernelEnd(b))), tunnel, broken: daemon.ended };
      const [theirs, other] = await side(run, label, b, "b");
      return { ...(await introduce(ours, theirs)), tunnel, broken: () => daemon.ended() ?? other.ended() };
    },
  };
}

const TCP_TESTS: readonly TestId[] = ["tcp-1-out", "tcp-1-in"];
const HEADLINE_TESTS: readonly TestId[] = [...TCP_TESTS, "frames-64-out"];
/** With the frames that half load is half of. */
const LATENCY_TESTS: readonly TestId[] = ["frames-64-out", "rtt", "rtt-load"];

function variants(driver: Driver): Contender[] {
  const bothEnds = { suffix: "both ends", bothEnds: true, tests: HEADLINE_TESTS, fullOnly: true };
  const busyPoll = { suffix: "busyPoll", options: { busyPoll: "50us" }, tests: LATENCY_TESTS, fullOnly: true };
  return [vxlane(driver), vxlane(driver, bothEnds), vxlane(driver, busyPoll)];
}

const offloadsOff = {
  suffix: "offloads off",
  options: { offloads: "off" },
  tests: HEADLINE_TESTS,
  fullOnly: true,
} as const;

export const END_TO_END: readonly Contender[] = [
  veth,
  kernel,
  bridgeKernel,
  ovs,
  cLoop("udp", C_LOOPS.udp, [...HEADLINE_TESTS, "rtt"]),
  cLoop("udp", `${C_LOOPS.udp} both ends`, HEADLINE_TESTS, true),
  cLoop("tap", C_LOOPS.tap, TCP_TESTS),
  cLoop("tap", `${C_LOOPS.tap} both ends`, TCP_TESTS, true),
  ...variants("udp"),
  vxlane("udp", offloadsOff),
  ...variants("tap"),
  ...variants("xdp"),
  vxlane("xdp", { suffix: "tap port", port: "tap", tests: HEADLINE_TESTS, fullOnly: true }),
];

const DRIVERS: readonly Driver[] = ["udp", "tap", "xdp"];

/** Each driver of vxlane's, for whoever wants to see inside. */
export const PROFILED: readonly Contender[] = DRIVERS.map((driver) =>
  vxlane(driver, { profiled: true, tests: HEADLINE_TESTS }),
);

/** For ovs, which loses what a veth leaves unfinished: the sender finishes checksums and cuts segments itself. */
async function finishAsOnAWire(run: Run, host: Host): Promise<void> {
  await inside(run, host, "ethtool", ["-K", UNDERLAY_DEVICE, "tx", "off"]);
}

async function kernelEnd(host: Host): Promise<End> {
  return openEnd(host, await kernelVxlan(host, "b"), OVERLAY.b);
}
