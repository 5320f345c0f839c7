// What the command line asks for: which suites, how long, which measures and contenders, where the report goes. Mistakes
// are found here, before anything runs.

import { nearest } from "../control/config/spelling.js";
import { VxlaneError } from "../control/errors.js";
import { checkTargets, type ReportFiles } from "./report/files.js";
import { type Extent, type Settings, type Suite, wantsPeer } from "./suite.js";

/** As commander hands them over. */
export interface BenchOptions extends ReportFiles {
  readonly quick?: boolean;
  readonly only?: string;
  readonly peers?: string;
  readonly rounds?: string;
  readonly seconds?: string;
  readonly check?: boolean;
  readonly plan?: boolean;
  readonly schema?: boolean;
}

export interface Request {
  readonly suites: readonly Suite[];
  readonly quick: boolean;
  readonly patterns: readonly Pattern[];
  readonly peers: readonly string[] | undefined;
  settingsOf(suite: Suite): Settings;
  /** Options, but for `--only` and the files, that do the same again. */
  readonly repeat: readonly string[];
}

/** One word of `--only`: `tcp-1-out`, `path/tcp-*`, `path`. */
export interface Pattern {
  readonly text: string;
  /** undefined: any. */
  readonly suite: string | undefined;
  matches(suite: string, id: string): boolean;
}

export function readRequest(all: readonly Suite[], names: readonly string[], options: BenchOptions): Request {
  const patterns = (options.only === undefined ? [] : words("--only", options.only)).map((text) => pattern(all, text));
  const peers = options.peers === undefined ? undefined : words("--peers", options.peers);
  const extent: Partial<Extent> = {
    ...(options.rounds === undefined ? {} : { rounds: positive("--rounds", options.rounds, true) }),
    ...(options.seconds === undefined ? {} : { seconds: positive("--seconds", options.seconds, false) }),
  };
  const quick = options.quick ?? false;
  const suites = select(all, names).filter(
    ({ name }) => patterns.length === 0 || patterns.some(({ suite }) => suite === undefined || suite === name),
  );
  if (suites.length === 0) throw usage(`--only ${options.only} names nothing of ${names.join(", ")}`);
  checkTargets(options);
  return {
    suites,
    quick,
    patterns,
    peers,
    settingsOf: (suite) => ({
      ...(quick ? suite.quick : suite.defaults),
      ...extent,
      quick,
      peers,
      only: (id) => patterns.length === 0 || patterns.some((each) => each.matches(suite.name, id)),
    }),
    repeat: [
      ...(quick ? ["--quick"] : []),
      ...(extent.rounds === undefined ? [] : ["--rounds", String(extent.rounds)]),
      ...(extent.seconds === undefined ? [] : ["--seconds", String(extent.seconds)]),
      ...(options.peers === undefined ? [] : ["--peers", shellWord(options.peers)]),
    ],
  };
}

function select(all: readonly Suite[], names: readonly string[]): readonly Suite[] {
  for (const name of names) {
    if (all.some((suite) => suite.name === name)) continue;
    throw usage(
      `there is no suite ${name}; ${alternatives(
        name,
        all.map((suite) => suite.name),
      )}`,
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function pattern(all: readonly Suite[], text: string): Pattern {
  if (all.some(({ name }) => name === text)) return { text, suite: text, matches: (suite) => suite === text };
  const slash = text.indexOf("/");
  const suite = slash < 0 ? undefined : text.slice(0, slash);
  if (suite !== undefined && !all.some(({ name }) => name === suite)) {
    throw usage(
      `--only ${text}: there is no suite ${suite}; ${alternatives(
        suite,
        all.map(({ name }) => name),
      )}`,
    );
  }
  const glob = text.slice(slash + 1).replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  const expression = new RegExp(`^${glob.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  return { text, suite, matches: (name, id) => (suite ?? name) === name && expression.test(id) };
}

/** Complains of words of `--only` and `--peers` that fit nothing that exists. */
export function checkNames(
  { patterns, peers }: Pick<Request, "patterns" | "peers">,
  ids: readonly { readonly suite: string; readonly id: string }[],
  contenders: readonly string[] | undefined,
): void {
  for (const { text, matches } of patterns) {
    if (ids.some(({ suite, id }) => matches(suite, id))) continue;
    const slash = text.indexOf("/");
    const suite = slash < 0 ? undefined : text.slice(0, slash);
    const known = ids
      .filter((each) => suite === undefined || each.suite === suite)
      .map((each) => (suite === undefined ? each.id : `${each.suite}/${each.id}`));
    throw usage(`--only ${text} fits no measure; ${alternatives(text, known)}`);
  }
  if (contenders === undefined) return;
  for (const peer of peers ?? []) {
    if (contenders.some((name) => wantsPeer({ peers: [peer] }, name))) continue;
    throw usage(`--peers ${peer} fits no contender; ${alternatives(peer, contenders)}`);
  }
}

/** Our choice: more names than this say nothing. */
const NAMED_MAX = 20;

function alternatives(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `did you mean ${near}?`;
  const all = [...new Set(known)];
  const more = all.length > NAMED_MAX ? ` and ${all.length - NAMED_MAX} more` : "";
  return `there are ${all.slice(0, NAMED_MAX).join(", ")}${more}`;
}

function words(option: string, list: string): string[] {
  const all = list.split(",").map((word) => word.trim());
  if (all.includes("")) throw usage(`${option}: ${JSON.stringify(list)} has an empty name`);
  return all;
}

function positive(option: string, text: string, whole: boolean): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    throw usage(`${option}: ${text} is not a positive ${whole ? "whole " : ""}number`);
  }
  return value;
}

export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function usage(message: string): VxlaneError {
  return new VxlaneError("ERR_USAGE", message);
}
