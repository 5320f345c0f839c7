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

/** As `print`, for a list of any length: it never stands in memory. */
export async function printList<T>(
  items: AsyncIterable<T>,
  isJson: true | undefined,
  heading: readonly string[],
  row: (item: T) => Row,
): Promise<void> {
  if (isJson) {
    let before = "[\n";
    for await (const item of items) {
      await write(`${before}  ${JSON.stringify(item)}`);
      before = ",\n";
    }
    await write(before === "[\n" ? "[]\n" : "\n]\n");
    return;
  }
  const table = new TableStream(heading);
  for await (const item of items) {
    const lines = table.push(row(item));
    if (lines !== "") await write(lines);
  }
  await write(table.end());
}

/** Waits for a slow reader instead of keeping everything for it. */
async function write(text: string): Promise<void> {
  if (text === "" || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
