// Reads what iperf3 and sockperf say of a run. Both print an answer also when nothing came back; then this throws, with
// their own words, because an absent figure has to carry its reason.

import { stripVTControlCharacters } from "node:util";

interface Iperf3Report {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bits_per_second?: number; readonly bytes?: number } };
}

export interface Goodput {
  readonly gigabitPerSecond: number;
  readonly gigabytes: number;
}

/** Payload that arrived, of all flows together. @param json of `iperf3 -J` */
export function parseIperf3(json: string): Goodput {
  let report: Iperf3Report;
  try {
    report = JSON.parse(json) as Iperf3Report;
  } catch {
    throw new Error(`iperf3: ${json.trim().slice(0, 200) || "no output"}`);
  }
  const { bits_per_second: rate, bytes } = report.end?.sum_received ?? {};
  if (report.error !== undefined || rate === undefined || bytes === undefined) {
    throw new Error(`iperf3: ${report.error ?? "no result"}`);
  }
  if (bytes === 0) throw new Error("iperf3: nothing arrived");
  return { gigabitPerSecond: rate / 1e9, gigabytes: bytes / 1e9 };
}

export interface RoundTrips {
  readonly observations: number;
  /** Messages sent in a second, answered or not. */
  readonly messagesPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** @param text of `sockperf ping-pong` or `under-load` with `--full-rtt` */
export function parseSockperf(text: string): RoundTrips {
  const plain = stripVTControlCharacters(text);
  const valid = /\[Valid Duration\] RunTime=([\d.]+) sec; SentMessages=(\d+)/.exec(plain);
  const observations = Number(/Total (\d+) observations/.exec(plain)?.[1] ?? 0);
  if (valid === null || observations === 0) throw new Error(`sockperf: ${complaint(plain)}`);
  const percentile = (which: string): number => {
    const found = new RegExp(`percentile ${which.replace(".", "\\.")} =\\s*([\\d.]+)`).exec(plain)?.[1];
    if (found === undefined) throw new Error(`sockperf: no percentile ${which}`);
    return Number(found);
  };
  return {
    observations,
    messagesPerSecond: Number(valid[2]) / Number(valid[1]),
    p50Us: percentile("50.000"),
    p99Us: percentile("99.000"),
    p999Us: percentile("99.900"),
  };
}

/** The line in which sockperf says what went wrong. */
export function complaint(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.replace(/^sockperf: /, "").trim())
    .filter((line) => line !== "");
  return lines.find((line) => /error|no messages|failed/i.test(line)) ?? lines.at(-1) ?? "no output";
}

/**
 * Why a daemon did not start, of the end of its log: its first complaint about the config without the file's name, or
 * the message of its last error.
 */
export function refusal(log: string): string {
  const lines = log
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const complaint = lines.find((line) => line.startsWith("vxlane: "));
  if (complaint !== undefined) return complaint.replace(/^vxlane: (\S+:\d+:\d+: )?/, "");
  return lines.map(logMessage).findLast((message) => message !== undefined) ?? lines.at(-1) ?? "no reason given";
}

const PINO_WARN = 40;

/** The message of a JSON log line that is at least a warning. */
function logMessage(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const { level = 0, msg, err } = JSON.parse(line) as { level?: number; msg?: string; err?: { message?: string } };
    if (level < PINO_WARN) return undefined;
    return [msg, err?.message].filter((part) => part !== undefined).join(": ");
  } catch {
    return undefined;
  }
}
