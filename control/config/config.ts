// Reads a config: text, then YAML, then shape, then the rules between values, then the normal form. Pure but for
// `loadConfig`, which reads the file; what this host makes of the config is in host.ts.
//
// Each step goes on as long as there is something to look at, so that one run names every mistake.

import { readFileSync, statSync } from "node:fs";
import { ConfigError, type ConfigProblem, type ErrorCode } from "../errors.js";
import { Draft } from "./draft.js";
import { normalise } from "./normalise.js";
import { type Path, Problems, type Source } from "./problems.js";
import { checkRules } from "./rules.js";
import { checkShape } from "./shape.js";
import type { Config } from "./types.js";
import { readYaml } from "./yaml.js";

export type { Config, FloodConfig, NetworkConfig, PortConfig, StaticEntry } from "./types.js";

/* Our choice: enough for all the networks that there can be. Reading takes a second or two, and 100 MB of memory, for each MB. */
const FILE_MB_MAX = 16;
const MB = 1_000_000;

export interface ReadConfig {
  readonly config: Config;
  /** Legal, but most likely not meant. */
  readonly warnings: readonly ConfigProblem[];
  /** Where the config's keys stand, for what is found later. */
  readonly source: Source;
}

/** @throws {ConfigError} with every problem */
export function parseConfig(text: string, fileName?: string): Config {
  return readConfig(text, fileName).config;
}

/** @throws {ConfigError} with every problem, or that the file cannot be read */
export function loadConfig(path: string): Config {
  return readConfigFile(path).config;
}

/** As `loadConfig`, with warnings. */
export function readConfigFile(path: string): ReadConfig {
  return readConfig(readText(path), path);
}

/** As `parseConfig`, with warnings. */
export function readConfig(text: string, fileName?: string): ReadConfig {
  const { value, problems, oddNumbers } = readYaml(text, fileName);
  if (value === undefined) throw new ConfigError(problems.errors);
  return finish(value, problems, oddNumbers);
}

/** As `readConfig`, from a value that is not a file's. */
export function checkConfig(value: unknown): ReadConfig {
  return finish(value, new Problems(), []);
}

function finish(value: unknown, problems: Problems, oddNumbers: readonly Path[]): ReadConfig {
  const shaped = checkShape(value, problems);
  for (const path of oddNumbers) reportOddNumber(value, path, problems);
  checkRules(new Draft(value), problems);
  problems.sort();
  if (!shaped || problems.errors.length > 0) throw new ConfigError(problems.errors);
  return { config: normalise(value), warnings: problems.warnings, source: problems.source };
}

function reportOddNumber(root: unknown, path: Path, problems: Problems): void {
  const number = path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)?.[step], root);
  problems.error("ERR_CONFIG_VALUE", path, "is a number in a spelling that YAML readers differ on", {
    allowed: "plain decimal digits",
    ...(Number.isInteger(number) ? { suggestion: String(number) } : {}),
  });
}

const UNREADABLE: Record<string, string> = {
  ENOENT: "does not exist",
  EISDIR: "is a directory",
  ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
};

function readText(path: string): string {
  const fail = (message: string, code: ErrorCode = "ERR_CONFIG_FILE"): never => {
    throw new ConfigError([{ code, path: "", message, file: path }]);
  };
  try {
    const size = statSync(path).size;
    if (size > FILE_MB_MAX * MB) {
      const remedy = "many static entries come faster over the API (PUT /v1/networks/VNI/fdb)";
      fail(`has ${Math.ceil((size / MB) * 10) / 10} MB; at most ${FILE_MB_MAX} MB: ${remedy}`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES") fail("may not be read by this user; run as root, or make it readable", "ERR_PRIVILEGE");
    return fail(UNREADABLE[code ?? ""] ?? `cannot be read: ${message}`);
  }
}
