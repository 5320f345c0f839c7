// vxlane check: is this config right? Pure unless --host is given, and never changes anything.

import type { Command } from "commander";
import type { ConfigProblem } from "../../errors.js";
import { printJson } from "../output.js";
import { count } from "../table.js";

interface Options {
  readonly config?: string;
  readonly host?: true;
  readonly json?: true;
  readonly schema?: true;
}

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("check a config and say everything that is wrong with it")
    .option("-c, --config <file>", "the config (YAML)")
    .option("--host", "also check it against this host: addresses, ports, MTU, rights")
    .option("--json", "print the result, and the config with its defaults, as JSON")
    .option("--schema", "print the config's JSON schema instead")
    .addHelpText(
      "after",
      `
Examples:
  vxlane check --config vxlane.yaml           every mistake, with its place
  vxlane check --config vxlane.yaml --host    what this host makes of it
  vxlane check --config vxlane.yaml --json    for programs
  vxlane check --schema > vxlane.schema.json  for editors

Exits with 0 if the config is right, 2 if not; with --host also with 5 if its
daemon runs already and 77 if rights are missing. Nothing is ever created.`,
    )
    .action(check);
}

async function check(options: Options, command: Command): Promise<void> {
  if (options.schema) {
    const { ConfigSchema } = await import("../../config/schema.js");
    process.stdout.write(`${JSON.stringify(ConfigSchema, null, 2)}\n`);
    return;
  }
  if (options.config === undefined) command.error("error: required option '-c, --config <file>' not specified");
  const { readConfigFile } = await import("../../config/config.js");
  const { ConfigError, formatProblem } = await import("../../errors.js");
  const file = options.config;
  const warnings: ConfigProblem[] = [];
  try {
    const read = readConfigFile(file);
    warnings.push(...read.warnings);
    if (options.host) {
      const { checkHost } = await import("../../config/host.js");
      const { readHostFacts } = await import("../../config/host-facts.js");
      warnings.push(...(await checkHost(read.config, readHostFacts(), read.source)));
    }
    if (options.json) {
      printJson({ ok: true, file, problems: [], warnings, config: read.config });
      return;
    }
    for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`);
    const ports = read.config.networks.reduce((sum, network) => sum + network.ports.length, 0);
    process.stdout.write(
      `${file} is right: ${count(read.config.networks.length, "network")}, ${count(ports, "port")}\n`,
    );
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError)) throw error;
    printJson({ ok: false, file, code: error.code, problems: error.problems, warnings });
    process.exitCode = error.exitCode;
  }
}
