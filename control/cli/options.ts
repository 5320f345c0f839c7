// The options that every command which asks a daemon has, and where its socket is then: --socket, else the one of the
// config that --config names, else the default.

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

/** @throws ConfigError if the config is wrong */
export async function socketOf({ socket, config }: DaemonOptions): Promise<string> {
  if (socket !== undefined || config === undefined) return socket ?? DEFAULT_SOCKET;
  const { loadConfig } = await import("../config/config.js");
  return loadConfig(config).api.socket;
}

/** For options that may be given more than once. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
