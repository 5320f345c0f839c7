// Where a report goes: files in up to three forms, checked before a run that takes minutes.

import { closeSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { VxlaneError } from "../../control/errors.js";
import type { Report } from "./schema.js";

export interface ReportFiles {
  readonly json?: string;
  readonly html?: string;
  readonly markdown?: string;
}

/** What draws is loaded when it is used. */
export async function writeReport(report: Report, { json, html, markdown }: ReportFiles): Promise<void> {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (markdown !== undefined) {
    const { toMarkdown } = await import("./markdown.js");
    writeFileSync(markdown, toMarkdown(report));
  }
  if (html !== undefined) {
    const { toHtml } = await import("./html.js");
    writeFileSync(html, await toHtml(report));
  }
}

/** @throws VxlaneError where it could not be written at the end */
export function checkTargets(files: ReportFiles): void {
  const taken = new Map<string, string>();
  for (const name of ["json", "html", "markdown"] as const) {
    const file = files[name];
    if (file === undefined) continue;
    checkTarget(`--${name}`, file);
    const path = resolve(file);
    const other = taken.get(path);
    if (other !== undefined) throw usage(`--${name}: ${file} is the file of ${other} already`);
    taken.set(path, `--${name}`);
  }
}

/** Opens it as the report will be: permissions alone do not say (of root, or in /proc). What is in it stays. */
function checkTarget(option: string, file: string): void {
  if (file === "") throw usage(`${option}: the name of a file is missing`);
  const existing = statSync(file, { throwIfNoEntry: false });
  if (existing?.isDirectory()) throw usage(`${option}: ${file} is a directory`);
  try {
    closeSync(openSync(file, "a"));
  } catch (error) {
    throw usage(`${option}: ${file} cannot be written: ${(error as Error).message}`);
  }
  if (existing === undefined) rmSync(file);
}

function usage(message: string): VxlaneError {
  return new VxlaneError("ERR_USAGE", message);
}
