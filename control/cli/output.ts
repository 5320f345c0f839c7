// What goes to stdout: whole JSON values, and lists that are printed item by item, as an array or as a table.

import { VxlaneError } from "../errors.js";
import { type Row, TableStream } from "./table.js";
import { version } from "./version.js";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** JSON with --json, otherwise what `describe` makes of it. */
export function print<T>(value: T, isJson: true | undefined, describe: (value: T) => string): void {
  try {
    if (isJson) printJson(value);
    else process.stdout.write(describe(value));
  } catch (error) {
    throw strange(error);
  }
}

/** As `print`, for a list of any length, which comes in batches and never stands in memory. */
export async function printList<T>(
  batches: AsyncIterable<readonly T[]>,
  isJson: true | undefined,
  heading: readonly string[],
  row: (item: T) => Row,
): Promise<void> {
  try {
    if (isJson) await printArray(batches);
    else await printTable(batches, heading, row);
  } catch (error) {
    throw strange(error);
  }
}

/** An answer without what it should have: a daemon of another version, or no vxlane. */
function strange(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  const message = `the daemon's answer is not as vxlane ${version()} knows it (${error.message})`;
  return new VxlaneError("ERR_FAILURE", message, { cause: error });
}

async function printArray(batches: AsyncIterable<readonly unknown[]>): Promise<void> {
  let before = "[\n";
  for await (const batch of batches) {
    if (batch.length === 0) continue;
    await write(`${before}${batch.map((item) => `  ${JSON.stringify(item)}`).join(",\n")}`);
    before = ",\n";
  }
  await write(before === "[\n" ? "[]\n" : "\n]\n");
}

async function printTable<T>(
  batches: AsyncIterable<readonly T[]>,
  heading: readonly string[],
  row: (item: T) => Row,
): Promise<void> {
  const table = new TableStream(heading);
  for await (const batch of batches) await write(batch.map((item) => table.push(row(item))).join(""));
  await write(table.end());
}

/** Waits for a slow reader instead of keeping everything for it. */
async function write(text: string): Promise<void> {
  if (text === "" || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
