// The rows that no machine needs to measure.

import type { MeasureOptions } from "../../measure.js";
import type { Run, Settings } from "../../suite.js";
import { gigabits, innerMtu, lineShare, millionFrames, underlayMtu, WAYS, type Way, wireBytes } from "./wire.js";

/* RFC 2544 section 9.1, and a jumbo frame. */
const FRAMES = [64, 128, 256, 512, 1024, 1280, 1518, 9018];
const QUICK_FRAMES = [64, 512, 1518, 9018];
const LINES = [10, 25, 100];
const INNER_MTUS = [1280, 1500, 9000];
const UNDERLAY_MTUS = [1500, 9000];
const PERCENT = 100;
const HEADLINE_FRAMES = [64, 1518];
const HEADLINE_LINE = 25;

interface Row {
  readonly options: MeasureOptions;
  readonly of: (way: Way) => number;
}

export function rows({ quick }: Pick<Settings, "quick">): Row[] {
  const frames = quick ? QUICK_FRAMES : FRAMES;
  return [
    ...frames.flatMap(frameRows),
    ...LINES.flatMap((line) => frames.flatMap((frame) => lineRows(line, frame))),
    ...mtuRows(),
  ];
}

export function compute(run: Run): void {
  const ways = WAYS.filter((name) => run.wantsPeer(name));
  for (const { options, of } of rows(run.settings)) {
    const measure = run.measure(options);
    for (const way of ways) measure.add(way, 0, of(way));
  }
  if (ways.length === 0) return;
  sayMtu(run);
  for (const frame of HEADLINE_FRAMES) sayLine(run, frame);
  run.note("computed rows: frames as in RFC 2544, Ethernet header to FCS; on the wire: with preamble (8) and gap (12)");
  run.note("share of the line and Gbit/s: of the inner IP packets");
}

function frameRows(frame: number): Row[] {
  return [
    {
      options: {
        ...titled(`wire-${frame}`, `on the wire, frame of ${frame} B`, "bytes/frame", "lower"),
        plot: { chart: "bytes on the wire", x: frame, xLabel: "frame, bytes", scale: "log", yScale: "log" },
      },
      of: (way) => wireBytes(frame, way),
    },
    {
      options: {
        ...titled(`share-${frame}`, `share of the line, frames of ${frame} B`, "%", "higher"),
        plot: { chart: "share of the line", x: frame, xLabel: "frame, bytes", scale: "log" },
      },
      of: (way) => lineShare(frame, way) * PERCENT,
    },
  ];
}

function lineRows(line: number, frame: number): Row[] {
  const where = `${line} Gbit/s line, frames of ${frame} B`;
  const plot = { x: frame, xLabel: "frame, bytes", scale: "log" } as const;
  return [
    {
      options: {
        ...titled(`mpps-${line}g-${frame}`, where, "M frames/s", "higher"),
        plot: { chart: `ceiling of a ${line} Gbit/s line, frames`, ...plot, yScale: "log" },
      },
      of: (way) => millionFrames(frame, way, line),
    },
    {
      options: {
        ...titled(`gbps-${line}g-${frame}`, where, "Gbit/s", "higher"),
        plot: { chart: `ceiling of a ${line} Gbit/s line, bits`, ...plot },
      },
      of: (way) => gigabits(frame, way, line),
    },
  ];
}

function mtuRows(): Row[] {
  return [
    ...INNER_MTUS.map((mtu) => ({
      options: titled(`mtu-for-${mtu}`, `underlay MTU for inner packets of ${mtu} B`, "bytes", "lower"),
      of: (way: Way) => underlayMtu(mtu, way),
    })),
    ...INNER_MTUS.map((mtu) => ({
      options: titled(
        `mtu-for-${mtu}-tagged`,
        `underlay MTU for inner packets of ${mtu} B with an 802.1Q tag`,
        "bytes",
        "lower",
      ),
      of: (way: Way) => underlayMtu(mtu, way, 1),
    })),
    ...UNDERLAY_MTUS.map((mtu) => ({
      options: titled(`mtu-of-${mtu}`, `inner MTU on an underlay of ${mtu} B`, "bytes", "higher"),
      of: (way: Way) => innerMtu(mtu, way),
    })),
  ];
}

function titled(id: string, title: string, unit: string, better: "lower" | "higher"): MeasureOptions {
  return { id, title, unit, better, baseline: "no tunnel" };
}

function sayMtu(run: Run): void {
  const [ipv4, ipv6] = [underlayMtu(1500, "VXLAN over IPv4"), underlayMtu(1500, "VXLAN over IPv6")];
  run.headline(`for an inner MTU of 1500 the underlay needs ${ipv4} over IPv4, ${ipv6} over IPv6`);
}

function sayLine(run: Run, frame: number): void {
  const [plain, tunnel] = (["no tunnel", "VXLAN over IPv4"] as const).map((way) =>
    millionFrames(frame, way, HEADLINE_LINE),
  );
  if (plain === undefined || tunnel === undefined) return;
  const loss = ((1 - tunnel / plain) * PERCENT).toFixed(0);
  run.headline(
    `frames of ${frame} B on ${HEADLINE_LINE} Gbit/s: ${plain.toFixed(2)} M/s without a tunnel, ${tunnel.toFixed(2)} M/s in VXLAN over IPv4 (${loss} % fewer)`,
  );
}
