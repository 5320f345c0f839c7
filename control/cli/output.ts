// What goes to stdout: whole JSON values, and lists that are printed item by item, as an array or as a table.

import { type Row, TableStream } from "./table.js";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** JSON with --json, otherwise what `describe` makes of it. */
export function print<T>(value: T, isJson: true | undefined, describe: (value: T) => string): void {
  if (isJson) printJson(value);
  else process.stdout.write(describe(value));
}

/** As `print`, for a list of any length, which comes in batches and never stands in memory. */
export async function printList<T>(
  batches: AsyncIterable<readonly T[]>,
  isJson: true | undefined,
  heading: readonly string[],
  row: (item: T) => Row,
): Promise<void> {
  if (isJson) return printArray(batches);
  const table = new TableStream(heading);
  for await (const batch of batches) await write(batch.map((item) => table.push(row(item))).join(""));
  await write(table.end());
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

/** Waits for a slow reader instead of keeping everything for it. */
async function write(text: string): Promise<void> {
  if (text === "" || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
