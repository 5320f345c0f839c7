// Reads Prometheus' text format as far as vxlane writes it, and adds up the balance: every frame that came is in
// exactly one of frames, local and dropped.

/** One line: a name, its labels, a value. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** @throws if a line is neither comment nor sample */
export function parseMetrics(text: string): Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match === null) throw new Error(`not a sample: ${line}`);
      const labels = [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name: match[1] ?? "",
        labels: Object.fromEntries(labels.map(([, key, value]) => [key, value])),
        value: Number(match[3]),
      };
    });
}

/** The sum of a metric over all samples that carry these labels. */
export function sumOf(samples: Sample[], name: string, labels: Record<string, string | number> = {}): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === String(value)))
    .reduce((sum, sample) => sum + sample.value, 0);
}

export interface Balance {
  direction: "encap" | "decap";
  received: number;
  frames: number;
  local: number;
  dropped: number;
  /** received - frames - local - dropped: 0 when every frame is accounted for. */
  missing: number;
}

/** Over all networks and what belongs to none. Frames switched locally came from a port, so they are encap's. */
export function balanceOf(samples: Sample[]): Balance[] {
  return (["encap", "decap"] as const).map((direction) => {
    const received = sumOf(samples, "vxlane_received_frames_total", { direction });
    const frames = sumOf(samples, "vxlane_frames_total", { direction });
    const local = direction === "encap" ? sumOf(samples, "vxlane_local_frames_total") : 0;
    const dropped = sumOf(samples, "vxlane_dropped_frames_total", { direction });
    return { direction, received, frames, local, dropped, missing: received - frames - local - dropped };
  });
}
