// Reads a JSON report, and says of a file that is none what is wrong with it and where.

import { readFileSync } from "node:fs";
import { Compile } from "typebox/schema";
import { VxlaneError } from "../../control/errors.js";
import { READABLE_VERSIONS, REPORT_KIND, REPORT_VERSION, type Report, ReportSchema } from "./schema.js";

const PROBLEMS_MAX = 5;

export function readReport(file: string): Report {
  return checkReport(parse(file, read(file)), file);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const where = (error as Error).message.replaceAll(/\s+/g, " "); // it shows lines of the file
    throw usage(`${file} is not JSON, as a report made with --json is: ${where}`);
  }
}

/** @throws with the places that do not fit the schema */
export function checkReport(read: unknown, file: string): Report {
  const head = read as { kind?: unknown; schema?: unknown; version?: unknown } | null;
  const isReport = typeof head === "object" && head !== null && (head.kind === REPORT_KIND || head.schema === 1);
  if (!isReport) throw usage(`${file} is no report of vxlane bench: its kind is not ${JSON.stringify(REPORT_KIND)}`);
  const version = head.schema === 1 ? 1 : head.version;
  if (!READABLE_VERSIONS.includes(version)) {
    throw usage(
      `${file}: version: ${JSON.stringify(version)} is not ${REPORT_VERSION}, the version of the report's schema that this vxlane reads; make the report again with this vxlane, or read it with the vxlane that made it`,
    );
  }
  const document: unknown = { ...head, version: REPORT_VERSION };
  const validator = Compile(ReportSchema);
  if (validator.Check(document)) return document;
  const errors = validator.Errors(document)[1].map(({ instancePath, message }) => `${place(instancePath)}: ${message}`);
  const shown = errors.slice(0, PROBLEMS_MAX).map((line) => `${file}: ${line}`);
  if (errors.length > PROBLEMS_MAX) shown.push(`${file}: and ${errors.length - PROBLEMS_MAX} more`);
  throw usage(shown.join("\n"));
}

/** `/suites/0/measures/1/unit` as `suites[0].measures[1].unit`. */
function place(instancePath: string): string {
  const path = instancePath.replaceAll(/\/(\d+)(?=\/|$)/g, "[$1]").replaceAll("/", ".");
  return path.replace(/^\./, "") || "the document";
}

function usage(message: string): VxlaneError {
  return new VxlaneError("ERR_USAGE", message);
}
