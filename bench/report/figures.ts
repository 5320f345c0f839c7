// How figures are written, the same in every form of the report.

import type { Floor, MeasureReport, Report, Row } from "./schema.js";

/** Three significant digits or the whole number, whichever says more; nothing of nothing. */
export function figure(value: number | undefined): string {
  if (value === undefined) return "";
  if (value === 0 || Math.abs(value) >= 100) return value.toFixed(0);
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return digits > 6 ? value.toPrecision(3) : value.toFixed(Math.max(0, digits));
}

/** 64k of 65536, 1M of 1000000; small numbers as they are. */
export function compact(value: number): string {
  for (const base of [1024, 1000]) {
    const [k, m] = [value / base, value / base ** 2];
    if (Math.abs(m) >= 1 && Number.isInteger(m * 10)) return `${m}M`;
    if (Math.abs(k) >= 10 && Number.isInteger(k)) return `${k}k`;
  }
  return Math.abs(value) >= 10_000 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
}

/** Behind a unit. */
export function betterText(better: MeasureReport["better"]): string {
  return better === "neither" ? "" : `, ${better} is better`;
}

export function ratioText(ratio: Row["ratio"]): string {
  if (ratio === undefined) return "";
  const [median = "", min, max] = [ratio.median, ratio.min, ratio.max].map(figure);
  return min === max ? median : `${median} (${min} to ${max})`;
}

/** What stands beside a row's figures: what it counted, what is missing of it, what speaks against it. */
export function remarks(row: Row): string[] {
  return [...facts(row), ...doubts(row)];
}

export function facts({ counts }: Row): string[] {
  return counts === undefined ? [] : [`${counts.sent} frames sent = ${counts.received} received + ${counts.lost} lost`];
}

export function doubts({ incomplete, warnings }: Row): string[] {
  return [...(incomplete === undefined ? [] : [`incomplete: ${incomplete}`]), ...warnings];
}

export const UNJUDGED = "Not judged in this run:";

/** Floors by what became of them, and how many they are, as the beginning of a list of those that were missed. */
export function judgedFloors(floors: readonly Floor[]): { missed: Floor[]; unjudged: Floor[]; text: string } {
  const [missed, unjudged] = [false, undefined].map((wanted) => floors.filter(({ holds }) => holds === wanted));
  const judged = floors.length - (unjudged?.length ?? 0);
  const held = judged - (missed?.length ?? 0);
  const text = `${held} of ${judged} floors that the project states hold${held === judged ? "." : "; these do not:"}`;
  return { missed: missed ?? [], unjudged: unjudged ?? [], text };
}

export function foundText({ statement, actual, inC, unjudged }: Floor): string {
  return [
    `${statement}: ${actual === undefined ? "could not be measured" : `is ${figure(actual)}`}`,
    ...(inC === undefined ? [] : [`the same loop in C: ${figure(inC)}`]),
    ...(unjudged === undefined ? [] : [`not judged: ${unjudged}`]),
  ].join("; ");
}

/** Reached, missed, or neither. */
export function verdictOf({ holds }: Floor): "reached" | "missed" | "not judged" {
  return holds === undefined ? "not judged" : holds ? "reached" : "missed";
}

export function floorText(floor: Floor): string {
  const verdict = verdictOf(floor);
  return `${(verdict === "missed" ? "MISSED" : verdict).padEnd(10)}  ${foundText(floor)}`;
}

/** The cells of a floor behind its verdict and statement: what it is, what it is in C, why it is not judged. */
export function floorCells({ actual, inC, unjudged }: Floor): [string, string, string] {
  return [actual === undefined ? "could not be measured" : figure(actual), figure(inC), unjudged ?? ""];
}

/** The way end to end is what people come for; the others keep their order. */
export function summaryOrder(suites: Report["suites"]): Report["suites"] {
  const isFirst = ({ name }: Report["suites"][number]): boolean => name === "path";
  return [...suites.filter(isFirst), ...suites.filter((suite) => !isFirst(suite))];
}

/** What the environment is called and what it was, for people. */
export function environmentRows({ environment: about }: Report): [string, string][] {
  const interfaces = about.interfaces.map(({ name, driver, mtu, megabits, offloads, absent }): [string, string] => [
    `interface ${name}`,
    [
      driver,
      `MTU ${mtu}`,
      ...(megabits === undefined ? [] : [`${megabits} Mbit/s`]),
      `offloads: ${absent ?? (offloads.join(", ") || "none")}`,
    ].join("; "),
  ]);
  return [
    ["date", about.date],
    ["command", about.command],
    ["vxlane", `${about.vxlane}, commit ${about.commit}`],
    ["CPU", `${about.cpu}, ${about.cores} cores, ${about.arch}`],
    ["memory", `${about.memoryGiB} GiB`],
    ["kernel", about.kernel],
    ["Node.js", `${about.node}, V8 ${about.v8}`],
    ["C compiler", about.compiler],
    ["load before", about.load.join(" ")],
    ...interfaces,
    ...about.sysctls.map(({ name, value }): [string, string] => [name, value]),
  ];
}
