// Many static entries in one request: a JSON array, or one entry a line. All are checked before the first is written;
// the check goes some at a time, and others have their turn in between.

import { setImmediate as turn } from "node:timers/promises";
import { Problems } from "../config/problems.js";
import { checkAgainst } from "../config/shape.js";
import type { Config, StaticEntry } from "../config/types.js";
import { ConfigError, type ConfigProblem, messageOf, VxlaneError } from "../errors.js";
import type { Network } from "../tables/types.js";
import { checkNetwork } from "./rules.js";
import { EntriesBody } from "./schemas.js";

/* Our choices. */
const CHUNK = 500;
/** Mistakes that are told of one request. */
const PROBLEMS_MAX = 100;

/** The text of an NDJSON body, not parsed yet. */
export class Lines {
  constructor(readonly text: string) {}
}

export interface Entries {
  readonly entries: StaticEntry[];
  readonly warnings: readonly string[];
}

/** @throws ERR_USAGE for a line that is no JSON, ConfigError with every mistake (or the first hundred) */
export async function readEntries(config: Config, network: Network, body: unknown): Promise<Entries> {
  const sent = body instanceof Lines ? await parseLines(body.text) : body;
  if (!Array.isArray(sent)) throw shapeError(sent);
  const ports = [...network.ports.keys()].map((name) => ({ name }));
  const entries: StaticEntry[] = [];
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const firstOf = new Map<string, number>();
  for (let start = 0; start < sent.length && problems.length < PROBLEMS_MAX; start += CHUNK) {
    try {
      const checked = checkChunk(config, network, ports, sent.slice(start, start + CHUNK), start);
      for (const [i, entry] of checked.entries.entries()) {
        const first = firstOf.get(entry.mac);
        if (first !== undefined) problems.push(duplicate(start + i, first, entry.mac));
        else firstOf.set(entry.mac, start + i);
        entries.push(entry);
      }
      if (warnings.length < PROBLEMS_MAX) warnings.push(...checked.warnings);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
    await turn();
  }
  if (problems.length > 0) throw new ConfigError(problems.slice(0, PROBLEMS_MAX));
  return { entries, warnings };
}

function checkChunk(config: Config, { spec }: Network, ports: object[], chunk: unknown[], start: number): Entries {
  const problems = new Problems();
  const number = (path: string) => path.replace(/^\[(\d+)\]/, (_, index) => `[${start + Number(index)}]`);
  if (!checkAgainst(EntriesBody, chunk, problems)) {
    throw new ConfigError(problems.errors.map((problem) => ({ ...problem, path: number(problem.path) })));
  }
  const rename = (path: string) =>
    path.replaceAll(/networks\[0\]\.fdb\[(\d+)\]/g, (_, index) => `[${start + Number(index)}]`);
  const { network, warnings } = checkNetwork(config, { vni: spec.vni, ports, fdb: chunk }, rename);
  return { entries: network.fdb, warnings };
}

function shapeError(sent: unknown): ConfigError {
  const problems = new Problems();
  checkAgainst(EntriesBody, sent ?? null, problems);
  return new ConfigError(problems.errors);
}

function duplicate(index: number, first: number, mac: string): ConfigProblem {
  return {
    code: "ERR_CONFIG_DUPLICATE",
    path: `[${index}].mac`,
    value: mac,
    message: `is also [${first}].mac`,
    allowed: "each MAC once in a network",
  };
}

async function parseLines(text: string): Promise<unknown[]> {
  const items: unknown[] = [];
  let line = 0;
  for (const part of text.split("\n")) {
    line++;
    if (part.trim() === "") continue;
    try {
      items.push(JSON.parse(part));
    } catch (error) {
      const why = messageOf(error);
      throw new VxlaneError("ERR_USAGE", `line ${line} is not JSON: ${why}`);
    }
    if (items.length % CHUNK === 0) await turn();
  }
  return items;
}
