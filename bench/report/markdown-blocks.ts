// Lists and tables of Markdown.

/** Nothing of no lines, else one paragraph. */
export function list(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.map((line) => `- ${line}`).join("\n")];
}

/** The first row is the head. @param figures columns that are aligned right */
export function table(
  [head = [], ...rows]: readonly (readonly string[])[],
  figures: ReadonlySet<number> = new Set(),
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, column) => (figures.has(column) ? "---:|" : "---|")).join("");
  return [line(head), `|${rule}`, ...rows.map(line)].join("\n");
}
