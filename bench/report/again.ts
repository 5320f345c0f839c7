// `vxlane bench report`: writes JSON reports again in another form, those of several runs as one. They must be of one
// machine and one version; of a suite that several have, the last counts. Of several commits it says which suite is of which.

import { EXIT_OK, VxlaneError } from "../../control/errors.js";
import { checkTargets, type ReportFiles, writeReport } from "./files.js";
import { readReport } from "./read.js";
import type { Environment, Report } from "./schema.js";
import { toText } from "./text.js";

const SAME = [
  "cpu",
  "cores",
  "memoryGiB",
  "kernel",
  "arch",
  "node",
  "vxlane",
] as const satisfies readonly (keyof Environment)[];

/** @returns the exit code. @throws VxlaneError if a file is no report, or they do not belong together */
export async function reportAgain(files: readonly string[], targets: ReportFiles): Promise<number> {
  checkTargets(targets);
  const report = combine(files.map((name) => ({ name, report: readReport(name) })));
  if (Object.keys(targets).length === 0) process.stdout.write(toText(report));
  await writeReport(report, targets);
  return EXIT_OK;
}

export function combine(all: readonly { readonly name: string; readonly report: Report }[]): Report {
  const [first, ...others] = all;
  if (first === undefined) throw new Error("no report");
  for (const { name, report } of others) {
    const differences = [
      ...SAME.filter((key) => report.environment[key] !== first.report.environment[key]),
      ...(report.quick === first.report.quick ? [] : ["--quick"]),
    ];
    if (differences.length === 0) continue;
    throw new VxlaneError(
      "ERR_USAGE",
      `${first.name} and ${name} do not make one report: they differ in ${differences.join(", ")}`,
    );
  }
  const suites = new Map(all.flatMap(({ report }) => report.suites.map((suite) => [suite.name, suite] as const)));
  const commits = new Map(
    all.flatMap(({ report }) => report.suites.map(({ name }) => [name, report.environment.commit])),
  );
  return {
    ...first.report,
    environment: {
      ...first.report.environment,
      commit: describeCommits(commits),
      command: all.map(({ report }) => report.environment.command).join("; "),
    },
    seconds: all.reduce((sum, { report }) => sum + report.seconds, 0),
    suites: [...suites.values()],
  };
}

/** The commit, or each with its suites. @param commits by suite */
function describeCommits(commits: ReadonlyMap<string, string>): string {
  const [only = "", ...others] = new Set(commits.values());
  if (others.length === 0) return only;
  const suitesOf = (commit: string) => [...commits].filter(([, of]) => of === commit).map(([suite]) => suite);
  return [only, ...others].map((commit) => `${commit} (${suitesOf(commit).join(", ")})`).join(", ");
}
