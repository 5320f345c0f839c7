// The command line as a whole: which commands there are, and what they have in common (help with examples, the
// nearest command after a typing error, mistakes in usage on stderr).

import { Command } from "commander";
import { addCheck } from "./commands/check.js";
import { addFdb } from "./commands/fdb.js";
import { addRun } from "./commands/run.js";
import { addStats } from "./commands/stats.js";
import { addStatus } from "./commands/status.js";
import { version } from "./version.js";

const EXIT_CODES = `
Exit codes:
  0  done                      3  no daemon answers      5   conflict
  1  failure                   4  not found              77  a privilege is missing
  2  config or usage`;

const EXAMPLES = `
Examples:
  vxlane check --config /etc/vxlane.yaml
  vxlane check --config /etc/vxlane.yaml --host
  vxlane run --config /etc/vxlane.yaml
  vxlane status
  vxlane fdb show 100`;

export function createProgram(): Command {
  const program = new Command("vxlane");
  program
    .description("A VXLAN tunnel endpoint (VTEP) in user space.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help; after a command, its help")
    .helpCommand("help [command]", "print help of a command")
    .addHelpText("after", `${EXAMPLES}\n${EXIT_CODES}`)
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "vxlane: ")) })
    .exitOverride();
  // Commands made from here on inherit what is set above.
  addRun(program);
  addCheck(program);
  addStatus(program);
  addStats(program);
  addFdb(program);
  return program;
}
