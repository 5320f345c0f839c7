// The few figures that a reader asks for first: how much goes through a tunnel end to end, how late, and at what price, a
// column for each contender. bench/RESULTS.md begins with them, and the README quotes them.

import { figure, foundText, judgedFloors, ratioText, UNJUDGED } from "./figures.js";
import { list, table } from "./markdown-blocks.js";
import type { Report, Row } from "./schema.js";

const SUITE = "path";
const MEASURES = [
  "tcp-1-out",
  "tcp-1-in",
  "tcp-1-out-cpu",
  "frames-64-out",
  "encap-64",
  "decap-64",
  "rtt-p50",
  "rtt-p99",
];
/** Variants of these are in the suite's own table. */
const CONTENDERS = ["veth", "kernel", "bridge+kernel", "ovs", "vxlane udp", "vxlane tap", "vxlane xdp"];

/** Paragraphs of Markdown. */
export function short(report: Report): string[] {
  const { environment, suites } = report;
  const floors = suites.flatMap((suite) => suite.floors);
  const { missed, unjudged, text } = judgedFloors(floors);
  return [
    `${environment.cpu}, ${environment.cores} cores; Linux ${environment.kernel}; Node.js ${environment.node}; ${environment.date.slice(0, 10)}, vxlane ${environment.commit}.`,
    ...glance(report),
    ...list(suites.filter(({ name }) => name === "dataplane").flatMap(({ headlines }) => headlines)),
    ...(floors.length === 0 ? [] : [text, ...list(missed.map(foundText))]),
    ...(unjudged.length === 0 ? [] : [UNJUDGED, ...list(unjudged.map(foundText))]),
  ];
}

function glance({ suites }: Report): string[] {
  const measures = suites
    .filter(({ name }) => name === SUITE)
    .flatMap((suite) => suite.measures)
    .filter(({ id }) => MEASURES.includes(id));
  const contenders = CONTENDERS.filter((name) =>
    measures.some(({ rows }) => rows.some(({ contender }) => contender === name)),
  );
  if (contenders.length === 0) return [];
  const rows = measures.map(({ title, unit, rows }) => [
    `${title}, ${unit}`,
    ...contenders.map((name) => cell(rows.find(({ contender }) => contender === name))),
  ]);
  return [
    table([["", ...contenders], ...rows], new Set(contenders.map((_, index) => index + 1))),
    "In brackets: the ratio to the baseline, taken within a round: the kernel's device, or a kernel bridge with it.",
  ];
}

/** Nothing where it does not take part. */
function cell(row: Row | undefined): string {
  if (row === undefined) return "";
  if (row.value === undefined) return "absent";
  const ratio = ratioText(row.ratio).split(" ")[0] ?? "";
  return ratio === "" ? figure(row.value.median) : `${figure(row.value.median)} (${ratio})`;
}
