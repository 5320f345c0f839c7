// vxlane bench: what encapsulation costs on this host; vxlane bench compare: what changed between two reports; vxlane
// bench report: reports in another form. The runner itself is in bench/ and is loaded when it is used.

import { Argument, type Command } from "commander";
import type { ReportFiles } from "../../../bench/report/files.js";
import type { BenchOptions } from "../../../bench/request.js";

interface CompareOptions {
  readonly tolerance: string;
  readonly ratios?: true;
  readonly json?: true;
}

/** In the order of bench/suites.ts; a test holds the two together. */
export const SUITE_NAMES = ["dataplane", "overhead", "path", "profile", "ecmp", "api", "scale"];

export function addBench(program: Command): void {
  // Both, or what compare and report have of --json and the like would be taken for the options of bench.
  const command = program
    .enablePositionalOptions()
    .command("bench")
    .enablePositionalOptions()
    .usage("[options] [suite...]")
    .description("measure what encapsulation costs on this host")
    .addArgument(suitesArgument())
    .option("--quick", "a first look: everything in under 3 minutes")
    .option("--only <ids>", "these measures: ID or SUITE/ID, * for any, with commas")
    .option("--peers <names>", "these contenders, with commas: kernel,ovs,vxlane")
    .option("--rounds <n>", "rounds; in each, every contender runs once")
    .option("--seconds <s>", "length of one measurement")
    .option("--json <file>", "write the report as JSON")
    .option("--html <file>", "write the report as one HTML page, with plots")
    .option("--markdown <file>", "write the report as Markdown")
    .option("--check", "fail if a floor that the project states is missed")
    .option("--plan", "print what would run, how long, what is missing; stop")
    .option("--schema", "print the JSON report's schema instead")
    .addHelpText(
      "after",
      `
It makes network namespaces of its own and sends to nothing else; Ctrl-C
leaves nothing behind. The report goes to stdout, progress to stderr. What
is missing (a package, a right) costs its own figures and not the run.

Examples:
  vxlane bench --quick --html bench.html      a first look
  vxlane bench path --peers kernel,vxlane     one suite, two contenders
  vxlane bench --only path/tcp-*              some measures of one suite
  vxlane bench --json before.json             for vxlane bench compare`,
    )
    .action(bench);
  command
    .command("compare")
    .description("say what changed between two reports, beyond their noise")
    .argument("<before>", "a report (--json)")
    .argument("<after>", "another, of the same machine")
    .option("--tolerance <percent>", "a loss up to this is none", "5%")
    .option("--ratios", "compare ratios to the baseline: for different machines")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
A figure changed if its rounds after and its rounds before do not overlap. A
loss is a change for the worse beyond the tolerance, or a figure that could be
measured before and cannot now.

Examples:
  vxlane bench compare before.json after.json
  vxlane bench compare before.json after.json --tolerance 10%

Exits with 0 if nothing was lost, 1 if something was, 2 if the reports cannot
be compared.`,
    )
    .action(compare);
  command
    .command("report")
    .description("write reports again, as text or in another form")
    .argument("<file...>", "reports (--json) of one machine and commit")
    .option("--json <file>", "write them as one JSON report")
    .option("--html <file>", "write them as one HTML page, with plots")
    .option("--markdown <file>", "write them as one Markdown page")
    .addHelpText(
      "after",
      `
Of a suite that several reports have, the last one counts.

Examples:
  vxlane bench report bench.json --markdown bench.md
  vxlane bench report path.json ecmp.json --html bench.html`,
    )
    .action(report);
}

/** Choices for help and completion; what is none of them, the runner explains. */
function suitesArgument(): Argument {
  const argument = new Argument("[suite...]", "default: all");
  argument.argChoices = [...SUITE_NAMES];
  return argument;
}

async function bench(names: string[], options: BenchOptions): Promise<void> {
  const { bench } = await import("../../../bench/main.js");
  process.exitCode = await bench(names, options);
}

async function compare(before: string, after: string, options: CompareOptions): Promise<void> {
  const { compareFiles } = await import("../../../bench/report/compare-files.js");
  process.exitCode = compareFiles(before, after, options);
}

async function report(files: string[], options: ReportFiles): Promise<void> {
  const { reportAgain } = await import("../../../bench/report/again.js");
  process.exitCode = await reportAgain(files, options);
}
