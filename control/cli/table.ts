// Output for people. Tables: columns as wide as they need to be, numbers to the right. On a terminal no line is wider
// than it: texts are cut first, then numbers are written short (12.3M); only what still does not fit is cut off at the
// edge. Into a pipe nothing is ever cut or shortened: a program may read it.

export type Cell = string | number;
export type Row = readonly Cell[];

/* Our choices. */
const GAP = "  ";
const TEXT_LEAST = 7; // chars to which a text may be cut
const STREAM_ROWS = 500; // from which a stream's widths are taken

/** A column with a number in it is one of numbers. @returns lines, each ending with a newline; nothing but the heading if there are no rows */
export function table(heading: readonly string[], rows: readonly Row[], columns = terminalWidth()): string {
  const layout = layOut(heading, rows, columns);
  return [heading, ...rows].map((cells) => line(cells, layout, columns)).join("");
}

interface Column {
  readonly width: number;
  readonly isNumber: boolean;
  /** Numbers are written short. */
  readonly isShort: boolean;
}

function layOut(heading: readonly string[], rows: readonly Row[], columns: number): Column[] {
  const natural = heading.map((title, i) => column(title, rows, i, false));
  const texts = cutTexts(natural, heading, columns);
  if (widthOf(texts) <= columns) return texts;
  const short = heading.map((title, i) => column(title, rows, i, true));
  return cutTexts(short, heading, columns);
}

function column(title: string, rows: readonly Row[], i: number, isShort: boolean): Column {
  let width = title.length;
  for (const row of rows) width = Math.max(width, spell(row[i], isShort).length);
  return { width, isNumber: rows.some((row) => typeof row[i] === "number"), isShort };
}

/** Takes from the widest text until all fit. */
function cutTexts(layout: readonly Column[], heading: readonly string[], columns: number): Column[] {
  const widths = layout.map(({ width }) => width);
  const least = layout.map(({ width, isNumber }, i) =>
    isNumber ? width : Math.max(heading[i]?.length ?? 0, TEXT_LEAST),
  );
  for (let excess = widthOf(layout) - columns; excess > 0; excess--) {
    let widest = -1;
    for (const [i, width] of widths.entries()) {
      if (width > (least[i] ?? 0) && width > (widths[widest] ?? 0)) widest = i;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return layout.map((column, i) => ({ ...column, width: widths[i] ?? 0 }));
}

function widthOf(layout: readonly Column[]): number {
  return layout.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);
}

function line(cells: Row, layout: readonly Column[], columns: number): string {
  const parts = layout.map(({ width, isNumber, isShort }, i) => {
    const text = spell(cells[i], isShort);
    // Of a stream, a later row may be wider than the first ones; it pushes what is right of it.
    const shown = columns === Number.POSITIVE_INFINITY ? text : cut(text, isNumber ? text.length : width);
    return isNumber ? shown.padStart(width) : shown.padEnd(width);
  });
  return `${cut(parts.join(GAP).trimEnd(), columns)}\n`;
}

function spell(cell: Cell | undefined, isShort: boolean): string {
  return typeof cell === "number" && isShort ? shortNumber(cell) : String(cell ?? "");
}

/** Three digits and a unit: `999`, `12.3k`, `4.57G`. */
export function shortNumber(value: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return unit === 0 ? String(value) : `${scaled.toPrecision(3)}${units[unit]}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** A table of which nobody knows the end: widths are those of its first rows. */
export class TableStream {
  readonly #waiting: Row[] = [];
  #layout: Column[] | undefined;

  constructor(
    readonly heading: readonly string[],
    readonly columns = terminalWidth(),
  ) {}

  /** Lines that are ready now. */
  push(row: Row): string {
    if (this.#layout !== undefined) return line(row, this.#layout, this.columns);
    this.#waiting.push(row);
    return this.#waiting.length < STREAM_ROWS ? "" : this.end();
  }

  /** The rest. */
  end(): string {
    if (this.#layout !== undefined) return "";
    this.#layout = layOut(this.heading, this.#waiting, this.columns);
    return table(this.heading, this.#waiting.splice(0), this.columns);
  }
}

/** `name  value` lines; long values are wrapped between words. */
export function facts(rows: readonly (readonly [string, Cell])[], columns = terminalWidth()): string {
  const indent = Math.max(...rows.map(([name]) => name.length)) + GAP.length;
  return rows
    .map(([name, value]) => {
      const lines = wrap(String(value), columns - indent);
      return `${name.padEnd(indent)}${lines.join(`\n${" ".repeat(indent)}`)}\n`;
    })
    .join("");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(cut(word, width));
  }
  return lines;
}

/** Without a terminal nothing is cut. A terminal of no size has not been told its own. */
function terminalWidth(): number {
  return (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY;
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

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
