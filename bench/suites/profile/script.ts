// Reads what `perf script --fields pid,tid,ip,sym,dso` prints:
//
//   14238/14252
//           ffffffff81a3c5f1 _copy_to_iter ([kernel.kallsyms])
//               7fc4b003a195 JS:*runLoop file:///…/loop.js:32:24 (/tmp/perf-14238.map)
//
// A sample is a line with its process and thread, its frames from the innermost to the outermost, and an empty line.

/** A function that was running, or that waited for the frame before it. */
export interface Frame {
  /** Hexadecimal. */
  readonly address: string;
  readonly symbol: string;
  /** The file of its code. */
  readonly object: string;
}

export interface Sample {
  readonly thread: number;
  readonly frames: readonly Frame[];
}

const HEAD = /^\s*-?\d+\/(-?\d+)\s*$/;
const FRAME = /^\s*([0-9a-f]+) (.*) \((.*)\)$/;

/** @throws of a line that is neither: to skip it would be to lose a sample */
export function samplesIn(script: string): Sample[] {
  const samples: { thread: number; frames: Frame[] }[] = [];
  for (const line of script.split("\n")) {
    if (line.trim() === "") continue;
    const head = HEAD.exec(line);
    if (head !== null) {
      samples.push({ thread: Number(head[1]), frames: [] });
      continue;
    }
    const [, address, symbol, object] = FRAME.exec(line) ?? [];
    const sample = samples.at(-1);
    if (address === undefined || symbol === undefined || object === undefined || sample === undefined) {
      throw new Error(`perf script: ${JSON.stringify(line)} is neither a thread nor a frame`);
    }
    sample.frames.push({ address, symbol, object });
  }
  return samples;
}
