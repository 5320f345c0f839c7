// The command line as a whole: which commands there are, and what they have in common (help with examples, the
// nearest command after a typing error, mistakes in usage on stderr).

import { Command } from "commander";
import { addBench } from "./commands/bench.js";
import { addCheck } from "./commands/check.js";
import { addCompletion } from "./commands/completion.js";
import { addFdb } from "./commands/fdb.js";
import { addNetwork } from "./commands/network.js";
import { addPort } from "./commands/port.js";
import { addRun } from "./commands/run.js";
import { addStats } from "./commands/stats.js";
import { addStatus } from "./commands/status.js";
import { addVtep } from "./commands/vtep.js";
import { version } from "./version.js";

/* Our choice. */
const HELP_COLUMNS = 79; // also on a wide terminal: long lines are hard to read

const EXIT_CODES = `
Exit codes:
  0  done                3  no daemon answers    5   conflict
  1  failure             4  not found            77  a privilege is missing
  2  config or usage`;

const EXAMPLES = `
Examples:
  vxlane check --config /etc/vxlane.yaml --host
  vxlane run --config /etc/vxlane.yaml
  vxlane network add 100 --name blue --vtep 10.99.0.2
  vxlane port add 100 blue0
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
    .showHelpAfterError("(add --help to see what it takes)")
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "vxlane: ")),
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
    })
    .exitOverride();
  // Commands made from here on inherit what is set above.
  addRun(program);
  addCheck(program);
  addStatus(program);
  addStats(program);
  addNetwork(program);
  addPort(program);
  addVtep(program);
  addFdb(program);
  addBench(program);
  addCompletion(program);
  return program;
}
