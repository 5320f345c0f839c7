// Tables for people: columns as wide as they need to be, numbers to the right, and no line wider than the terminal.

export type Cell = string | number;

/** A column with a number in it is one of numbers. @returns lines, each ending with a newline; nothing but the heading if there are no rows */
export function table(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  columns = terminalWidth(),
): string {
  const widths = heading.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i] ?? "").length)));
  const isNumber = heading.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, i) => {
        const text = String(cell);
        return isNumber[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
      })
      .join("  ")
      .trimEnd();
  return [heading, ...rows].map((cells) => `${cut(line(cells), columns)}\n`).join("");
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(1, columns - 1))}…`;
}

/** Without a terminal nothing is cut: a program may read it. */
function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** `3 d 4 h`, `5 m 6 s`, `7 s` */
export function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
