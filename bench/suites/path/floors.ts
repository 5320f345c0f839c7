// What the project promises of the way end to end, and the sentences that sum a run up.

import type { Floor, Measure } from "../../measure.js";
import type { Run } from "../../suite.js";
import type { Contender } from "./contenders.js";
import { NO_TUNNEL } from "./forwarding.js";
import { BRIDGE, KERNEL } from "./tests.js";

interface Promised {
  readonly measure: string;
  readonly contender: string;
  readonly to: string;
  readonly relation: Floor["relation"];
  readonly limit: number;
}

/** The same loop in C. */
const IN_C: ReadonlyMap<string, string> = new Map([
  ["vxlane udp", "C loop"],
  ["vxlane udp both ends", "C loop both ends"],
  ["vxlane tap", "C tap loop"],
  ["vxlane tap both ends", "C tap loop both ends"],
  ["vxlane xdp", "C xdp"],
  ["vxlane xdp no tunnel", "C xdp no tunnel"],
]);
const BOTH_WAYS = ["tcp-1-out", "tcp-1-in"] as const;
const FLOODED = ["encap-64-flood", "decap-64-flood"] as const;
/**
 * By trafgen, of whose frames a veth with XDP on its other end takes half a million a second. A floor that is above what is left
 * of them in the run at hand judges nobody, and that of the flooded frames does.
 */
const BY_TRAFGEN = ["encap-64", "decap-64"] as const;
const FORWARDED = [...BY_TRAFGEN, ...FLOODED] as const;
const PERCENTILES = ["rtt-p50", "rtt-p99"] as const;

function atLeast(limit: number, contender: string, to: string, ...measures: readonly string[]): Promised[] {
  return measures.map((measure) => ({ measure, contender, to, relation: "at least", limit }));
}

function atMost(limit: number, contender: string, to: string, ...measures: readonly string[]): Promised[] {
  return measures.map((measure) => ({ measure, contender, to, relation: "at most", limit }));
}

const PROMISES: readonly Promised[] = [
  ...atLeast(0.8, "vxlane tap", KERNEL, ...BOTH_WAYS),
  ...atLeast(0.5, "vxlane udp", KERNEL, ...BOTH_WAYS),
  ...atLeast(0.6, "vxlane tap both ends", KERNEL, ...BOTH_WAYS),
  ...atLeast(0.35, "vxlane udp both ends", KERNEL, ...BOTH_WAYS),
  ...atLeast(2, "vxlane xdp", BRIDGE, ...FORWARDED),
  ...atLeast(0.85, "vxlane xdp", NO_TUNNEL, ...FORWARDED),
  // Not decap by trafgen: three times what ovs forwards of its frames is more than the same loop in C gets of them.
  ...atLeast(3, "vxlane xdp", "ovs", "encap-64", ...FLOODED),
  ...atLeast(2, "vxlane udp", KERNEL, "frames-64-out"),
  ...atLeast(2, "vxlane udp both ends", KERNEL, "frames-64-out"),
  ...["udp", "tap", "xdp"].flatMap((driver) => atMost(2, `vxlane ${driver} busyPoll`, KERNEL, ...PERCENTILES)),
  ...atMost(1.6, "vxlane tap", KERNEL, "tcp-1-out-cpu", "tcp-1-in-cpu"),
];

/** Floors about what this run was asked to measure. A contender that was asked for and is absent misses its floors. */
export function promise(run: Run, asked: ReadonlySet<string>): void {
  for (const { measure: id, contender, to, relation, limit } of PROMISES) {
    const measure = run.measures.find(({ options }) => options.id === id);
    if (measure === undefined || !asked.has(contender) || !asked.has(to)) continue;
    const inC = IN_C.get(contender);
    run.floor({
      ...{ measure, contender, of: "ratio", to, relation, limit },
      ...(inC === undefined ? {} : { inC }),
      isBelowCeiling: BY_TRAFGEN.some((name) => name === id),
    });
  }
}

/** A sentence for each figure of each driver that was measured; of variants, what they are for. */
export function sumUp(run: Run, contenders: readonly Pick<Contender, "name" | "fullOnly">[]): void {
  const ours = contenders.filter(({ name }) => name.startsWith("vxlane"));
  const drivers = new Set(ours.filter(({ fullOnly }) => !fullOnly).map(({ name }) => name));
  for (const contender of drivers) {
    for (const sentence of [
      throughput(run, contender, "one TCP flow out", "tcp-1-out", "Gbit/s"),
      throughput(run, contender, "one TCP flow in", "tcp-1-in", "Gbit/s"),
      throughput(run, contender, "64 B frames out", "frames-64-out", "M/s"),
      throughput(run, contender, "64 B frames, encap only", "encap-64", "M/s"),
      throughput(run, contender, "64 B frames, decap only", "decap-64", "M/s"),
      roundTrip(run, contender),
    ]) {
      if (sentence !== undefined) run.headline(sentence);
    }
  }
  for (const { name } of ours) {
    const sentence = drivers.has(name) ? undefined : roundTrip(run, name);
    if (sentence !== undefined) run.headline(sentence);
  }
}

function find(run: Run, id: string): Measure | undefined {
  return run.measures.find(({ options }) => options.id === id);
}

function throughput(run: Run, contender: string, what: string, id: string, unit: string): string | undefined {
  const measure = find(run, id);
  const value = measure?.value(contender);
  if (measure === undefined || value === undefined) return undefined;
  const baseline = measure.options.baseline === KERNEL ? "the kernel's" : "a kernel bridge's";
  const ratio = measure.ratio(contender);
  const cpu = find(run, `${id}-cpu`)?.ratio(contender);
  const inC = IN_C.get(contender);
  const loop = inC === undefined ? undefined : measure.ratio(inC);
  return [
    `${what}, ${contender}: ${value.median.toPrecision(3)} ${unit}`,
    ...(ratio === undefined ? [] : [`, ${ratio.median.toFixed(2)} of ${baseline}`]),
    ...(cpu === undefined ? [] : [`; ${cpu.median.toFixed(1)} times its CPU`]),
    ...(loop === undefined ? [] : [`; the same loop in C: ${loop.median.toFixed(2)}`]),
  ].join("");
}

function roundTrip(run: Run, contender: string): string | undefined {
  const of = (name: string): string | undefined => {
    const [p50, p99] = ["rtt-p50", "rtt-p99"].map((id) => find(run, id)?.value(name)?.median);
    return p50 === undefined || p99 === undefined ? undefined : `p50 ${p50.toFixed(0)} us, p99 ${p99.toFixed(0)} us`;
  };
  const ours = of(contender);
  if (ours === undefined) return undefined;
  const others = { "the kernel's": of(KERNEL), "the same loop in C": of(IN_C.get(contender) ?? "") };
  const theirs = Object.entries(others).filter(([, figures]) => figures !== undefined);
  return [`round trip, ${contender}: ${ours}`, ...theirs.map(([what, figures]) => `${what}: ${figures}`)].join("; ");
}
