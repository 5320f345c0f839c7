// What is measured through each contender: a test samples once a round, and fills one measure or several.

import type { MeasureOptions } from "../../measure.js";
import type { Run } from "../../suite.js";
import type { TestId } from "./contenders.js";
import { roundTrips, roundTripsApart, tcp, tcpSeconds } from "./flows.js";
import { blast, FLOOD, type Generator, TRAFGEN } from "./generator.js";
import type { Direction, Way } from "./hosts.js";
import { apart } from "./pinning.js";

export const KERNEL = "kernel";
export const BRIDGE = "bridge+kernel";
const FRAME_LENS = [64, 512, 1400] as const;
const FLOWS = [1, 8] as const;
const DIRECTIONS: readonly Direction[] = ["out", "in"];

/** A frame test is shorter than the others: its rate is steady from the first frame on. */
const FRAMES_SHARE = 0.6;
/** One flow's rate varies more from connection to connection than within one: shorter measurements and more of them tell more. */
const ONE_FLOW_TURNS = 2;
/** The frames whose rate is the full load, and how much of it sockperf sends. */
export const LOAD_OF = "frames-64-out";
const LOAD_SHARE = 0.5;

/** Figures of one sample, in the order of the test's measures. */
export interface Sample {
  readonly values: readonly number[];
  readonly cores: number;
  readonly counts?: { readonly sent: number; readonly received: number; readonly lost: number };
}

export interface Test {
  readonly id: TestId;
  /** Or through one host only. */
  readonly endToEnd: boolean;
  readonly program: string;
  readonly quick: boolean;
  readonly measures: readonly MeasureOptions[];
  /** Turns of a round, in a full run; one unless said. */
  readonly turns?: number;
  /** Expected length of a sample. */
  seconds(seconds: number): number;
  /** undefined: one contender after the other; else how much later each begins, for a test that begins with a sleep. */
  apart?(seconds: number): number | undefined;
  sample(run: Run, way: Way, known: Known): Promise<Sample>;
  /** Expected length of what is done once a round for all contenders. */
  readonly overhead: number;
  /** A test that has to come before it in each round. */
  readonly needs?: TestId;
  /** How the generator's ceiling is measured: with what frames, or (`plain`) it is what no tunnel at all carries. */
  readonly ceiling?: { readonly frameLen: number; readonly generator: Generator; readonly dropped: Dropped } | "plain";
}

/** Where the receiver of a ceiling drops each frame: in XDP, which every AF_XDP driver has, too, or where IP begins. */
export type Dropped = "XDP" | "IP";

/** What a contender has shown in this round. */
export interface Known {
  /** 64 B frames that it took out, million a second. */
  readonly frameRate: number | undefined;
}

const GIGABIT = { unit: "Gbit/s", better: "higher", baseline: KERNEL } as const;
const CPU_GIGABYTE = { unit: "CPU s/GB", better: "lower", baseline: KERNEL } as const;
const MILLION = { unit: "M/s", better: "higher" } as const;
const CPU_MILLION = { unit: "CPU s/M", better: "lower" } as const;
const MICROSECONDS = { unit: "us", better: "lower", baseline: KERNEL } as const;

function tcpTest(flows: (typeof FLOWS)[number], direction: Direction): Test {
  const id = `tcp-${flows}-${direction}` as const;
  const title = `TCP, ${flows === 1 ? "one flow" : `${flows} flows`}, ${direction}`;
  const x = `${flows} ${direction}`;
  const xLabel = "flows";
  return {
    id,
    endToEnd: true,
    program: "iperf3",
    overhead: 0,
    turns: flows === 1 ? ONE_FLOW_TURNS : 1,
    quick: flows === 1,
    measures: [
      { id, title, ...GIGABIT, plot: { chart: "TCP", x, xLabel } },
      {
        id: `${id}-cpu`,
        title: `${title}, CPU`,
        ...CPU_GIGABYTE,
        plot: { chart: "CPU of a gigabyte over TCP", x, xLabel },
      },
    ],
    seconds: tcpSeconds,
    sample: async (run, way) => {
      const { gigabitPerSecond, cpuSecondsPerGigabyte, cores } = await tcp(run, way, flows, direction);
      return { values: [gigabitPerSecond, cpuSecondsPerGigabyte], cores };
    },
    ceiling: "plain",
  };
}

interface FrameTest {
  readonly id: TestId;
  readonly title: string;
  readonly chart: string;
  readonly frameLen: number;
  readonly direction: Direction;
  readonly quick: boolean;
  readonly baseline: string;
  readonly generator: Generator;
  /** Bytes on the sender's wire. */
  readonly sentLen: number;
}

function frameTest({ id, title, chart, quick, baseline, sentLen, ...how }: FrameTest): Test {
  const { frameLen, generator } = how;
  const plot = (chart: string) => ({ chart, x: frameLen, xLabel: "frame, bytes" });
  return {
    id,
    endToEnd: baseline === KERNEL,
    program: generator.program,
    overhead: 1,
    quick,
    measures: [
      { id, title, ...MILLION, baseline, plot: plot(chart) },
      { id: `${id}-cpu`, title: `${title}, CPU`, ...CPU_MILLION, baseline, plot: plot(`CPU of a million ${chart}`) },
    ],
    seconds: (seconds) => seconds * FRAMES_SHARE + 0.6,
    sample: async (run, way) => {
      const seconds = run.settings.seconds * FRAMES_SHARE;
      const sent = await apart(way.tunnel, () => blast(run, way, { ...how, seconds }));
      return { values: [sent.millionPerSecond, sent.cpuSecondsPerMillion], cores: sent.cores, counts: sent.flow };
    },
    // Before a frame of trafgen's gets to XDP, a veth copies it; that is the generator's time, and less of them come.
    ceiling: { frameLen: sentLen, generator, dropped: baseline === KERNEL ? "IP" : "XDP" },
  };
}

function endToEndFrames(frameLen: (typeof FRAME_LENS)[number], direction: Direction): Test {
  return frameTest({
    id: `frames-${frameLen}-${direction}`,
    title: `${frameLen} B frames, one flow, ${direction}`,
    chart: `frames ${direction}`,
    frameLen,
    direction,
    quick: frameLen === 64 && direction === "out",
    baseline: KERNEL,
    generator: TRAFGEN,
    sentLen: frameLen,
  });
}

const PERCENTILES = ["p50", "p99", "p99.9"] as const;

function percentiles(id: string, title: string): MeasureOptions[] {
  return PERCENTILES.map((percentile) => ({
    id: `${id}-${percentile}`,
    title: `${title}, ${percentile}`,
    ...MICROSECONDS,
    plot: { chart: title, x: percentile, xLabel: "percentile", yScale: "log" },
  }));
}

const idle: Test = {
  id: "rtt",
  endToEnd: true,
  program: "sockperf",
  overhead: 2.2,
  quick: true,
  measures: percentiles("rtt", "round trip, no load"),
  seconds: (seconds) => roundTripsApart(seconds) ?? seconds + 2.3,
  apart: roundTripsApart,
  sample: async (run, way) => {
    const { p50Us, p99Us, p999Us, cores } = await roundTrips(run, way);
    return { values: [p50Us, p99Us, p999Us], cores };
  },
};

const loaded: Test = {
  id: "rtt-load",
  needs: LOAD_OF,
  endToEnd: true,
  program: "sockperf",
  overhead: 2.2,
  quick: false,
  measures: [
    ...percentiles("rtt-load", "round trip, half load"),
    { id: "rtt-load-rate", title: "half load, as sent", unit: "M/s", better: "higher", baseline: KERNEL },
  ],
  seconds: (seconds) => roundTripsApart(seconds) ?? seconds + 2.3,
  apart: roundTripsApart,
  sample: async (run, way, known) => {
    const { frameRate } = known;
    if (frameRate === undefined) throw new Error("what is half of its load is not known: 64 B frames out gave no rate");
    const load = frameRate * 1e6 * LOAD_SHARE;
    const { p50Us, p99Us, p999Us, messagesPerSecond, cores } = await roundTrips(run, way, load);
    return { values: [p50Us, p99Us, p999Us, messagesPerSecond / 1e6], cores };
  },
};

const VXLAN_OVERHEAD = 50;
const SMALL = 64;

/** Through one host in one direction, fed by trafgen or flooded. */
function forwarding(what: "encap" | "decap", generator: Generator): Test {
  const flooded = generator === FLOOD;
  const title = `${SMALL} B frames, ${what} only${flooded ? ", flooded" : ""}`;
  return frameTest({
    id: `${what}-${SMALL}${flooded ? "-flood" : ""}` as const,
    title,
    chart: title,
    frameLen: SMALL,
    direction: what === "encap" ? "out" : "in",
    quick: what === "encap" && !flooded,
    baseline: BRIDGE,
    generator,
    sentLen: what === "encap" ? SMALL : SMALL + VXLAN_OVERHEAD,
  });
}

/** In this order in each round: the load of `rtt-load` is known from the frames before it. */
export const TESTS: readonly Test[] = [
  ...FLOWS.flatMap((flows) => DIRECTIONS.map((direction) => tcpTest(flows, direction))),
  ...FRAME_LENS.flatMap((frameLen) => DIRECTIONS.map((direction) => endToEndFrames(frameLen, direction))),
  idle,
  loaded,
  ...[TRAFGEN, FLOOD].flatMap((generator) => [forwarding("encap", generator), forwarding("decap", generator)]),
];
