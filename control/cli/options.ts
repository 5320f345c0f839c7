// The options that every command which asks a daemon has, and where its socket is then: --socket, else the one of the
// config that --config names, else the default.

import { readFileSync } from "node:fs";
import type { Command } from "commander";

/* Our choice. */
const DEFAULT_SOCKET = "/run/vxlane/api.sock";

export interface DaemonOptions {
  readonly socket?: string;
  readonly config?: string;
  readonly json?: true;
}

export function addDaemonOptions(command: Command): Command {
  return command
    .option("-s, --socket <path>", `the daemon's socket (default: the config's, else ${DEFAULT_SOCKET})`)
    .option("-c, --config <file>", "the daemon's config, to find its socket")
    .option("--json", "print JSON");
}

/** @throws ConfigError if the config names no socket because it is wrong */
export async function socketOf({ socket, config }: DaemonOptions): Promise<string> {
  if (socket !== undefined || config === undefined) return socket ?? DEFAULT_SOCKET;
  const named = await socketNamedIn(config);
  if (named !== undefined) return named;
  const { loadConfig } = await import("../config/config.js");
  return loadConfig(config).api.socket;
}

/** The one key alone, if it is there and right: to check a whole config takes longer than all that a command does. */
async function socketNamedIn(file: string): Promise<string | undefined> {
  const [{ readYaml }, { readFormat }] = await Promise.all([
    import("../config/yaml.js"),
    import("../config/formats.js"),
  ]);
  try {
    const { value, problems } = readYaml(readFileSync(file, "utf8"));
    const root = value as { api?: { socket?: unknown } } | undefined;
    return problems.errors.length > 0 ? undefined : readFormat("socket-path", root?.api?.socket);
  } catch {
    return undefined; // Who reads the whole of it says why.
  }
}

/** For options that may be given more than once. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
