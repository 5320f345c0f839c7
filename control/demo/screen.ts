// Owns what the demo prints: steps with their outcome, headings, tables; 80 columns, colour only on a terminal.
//
// A step that takes longer than two seconds shows that it is alive. With --json nothing of this appears; the one
// document at the end says everything.

/* Our choices. */
const WIDTH = 80;
const QUIET_MS = 2000;
const TICK_MS = 500;

const CODES = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export class Screen {
  readonly #colour: boolean;

  constructor(
    private readonly out: NodeJS.WriteStream,
    private readonly silent: boolean,
  ) {
    this.#colour = out.isTTY === true && process.env.NO_COLOR === undefined;
  }

  paint(style: keyof typeof CODES, text: string): string {
    return this.#colour ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
  }

  line(text = ""): void {
    if (!this.silent) this.out.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.paint("bold", text));
  }

  /** Runs one step; its line says what came out and how long it took. @throws what the step throws */
  async step<T>(title: string, act: () => Promise<T>, outcome: (result: T) => string = () => ""): Promise<T> {
    const start = performance.now();
    const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
    const ticker = setInterval(() => {
      if (performance.now() - start < QUIET_MS || this.silent) return;
      if (this.out.isTTY) this.out.write(`\r  ${this.paint("cyan", "…")} ${title}  ${seconds()}`);
      else if (performance.now() - start < QUIET_MS + TICK_MS) this.line(`  … ${title}, still at it`);
    }, TICK_MS);
    const end = (mark: string, note: string) => {
      clearInterval(ticker);
      if (this.out.isTTY && !this.silent) this.out.write("\r\x1b[K");
      const text = note === "" ? title : `${title.padEnd(22)} ${note}`;
      this.line(`  ${mark} ${text.padEnd(WIDTH - 12)} ${this.paint("dim", seconds().padStart(7))}`);
    };
    try {
      const result = await act();
      end(this.paint("green", "✓"), outcome(result));
      return result;
    } catch (error) {
      end(this.paint("red", "✗"), "");
      throw error;
    }
  }

  /** Rows with aligned columns, indented. */
  table(rows: string[][], indent = 2): void {
    const widths = rows.reduce<number[]>((max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, cell.length)), []);
    for (const row of rows) {
      const cells = row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)));
      this.line(`${" ".repeat(indent)}${cells.join("  ")}`.trimEnd());
    }
  }
}
