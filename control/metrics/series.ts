// The beginnings of the lines of a scrape, name and labels, made once and kept from scrape to scrape: a thousand networks
// have fifty thousand lines, and to write their labels anew each time would take longer than to read all counters. Half
// of these lines are drops that never happened: one string a network and direction, the same until a first frame drops.

import { DROP_WITHOUT_NETWORK } from "../../dataplane-wasm/drop.js";
import { type Direction, DROP_LABELS } from "./labels.js";
import type { NetworkReading } from "./readings.js";

/** `vxlane_frames_total{vni="100",direction="encap"} `: the value follows. */
export type Series = string;

export function seriesOf(name: string, labels: Readonly<Record<string, string>> = {}): Series {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  // V8 keeps what `+` made as a tree, to be walked at each scrape; what `join` made is flat.
  return pairs.length === 0 ? `${name} ` : [name, "{", pairs.join(","), "} "].join("");
}

function escapeLabel(value: string): string {
  return value.replace(/[\\\n"]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

export type ByDirection = Readonly<Record<Direction, Series>>;

/** Of one network. */
export class NetworkSeries {
  readonly received: ByDirection;
  readonly frames: ByDirection;
  readonly bytes: ByDirection;
  readonly flooded: ByDirection;
  readonly local: Series;
  readonly fdb: Readonly<Record<keyof NetworkReading["fdb"], Series>>;
  readonly events: Readonly<Record<keyof NetworkReading["events"], Series>>;
  readonly drops: Readonly<Record<Direction, DropSeries>>;

  /** @param vni empty where the network is unknown */
  constructor(vni: string) {
    const both = (name: string) => byDirection(name, { vni });
    const kind = (name: string) => seriesOf("vxlane_fdb_entries", { vni, kind: name });
    const event = (name: string) => seriesOf("vxlane_fdb_events_total", { vni, event: name });
    this.received = both("vxlane_received_frames_total");
    this.frames = both("vxlane_frames_total");
    this.bytes = both("vxlane_bytes_total");
    this.flooded = both("vxlane_flooded_frames_total");
    this.local = seriesOf("vxlane_local_frames_total", { vni });
    this.fdb = { learned: kind("learned"), static: kind("static") };
    this.events = {
      learned: event("learned"),
      moved: event("moved"),
      aged: event("aged"),
      limit: event("limit"),
      frozen: event("frozen"),
      held: event("held"),
    };
    this.drops = { encap: new DropSeries(vni, "encap"), decap: new DropSeries(vni, "decap") };
  }
}

/** Of one network in one direction: a series for each reason that it counts. */
export class DropSeries {
  readonly #labels: { readonly vni: string; readonly direction: Direction };
  readonly #met = new Map<string, Series>();
  #zeros = "";
  #besides: string | undefined;

  constructor(vni: string, direction: Direction) {
    this.#labels = { vni, direction };
  }

  of(reason: string): Series {
    const known = this.#met.get(reason) ?? this.#make(reason);
    this.#met.set(reason, known);
    return known;
  }

  /** The whole lines of all other reasons, with 0; empty if there are none. */
  zerosBeside(reasons: readonly string[]): string {
    const besides = reasons.join();
    if (besides !== this.#besides) {
      const others = reasonsOf(this.#labels).filter((reason) => !reasons.includes(reason));
      this.#zeros = others.map((reason) => `${this.#make(reason)}0`).join("\n");
      this.#besides = besides;
    }
    return this.#zeros;
  }

  #make(reason: string): Series {
    return seriesOf("vxlane_dropped_frames_total", { ...this.#labels, reason });
  }
}

/** Those before the network is known belong to no network, the others to each. */
function reasonsOf({ vni, direction }: { readonly vni: string; readonly direction: Direction }): string[] {
  const isOurs = (drop: number) => drop <= DROP_WITHOUT_NETWORK === (vni === "");
  const ours = DROP_LABELS.filter((label) => label.direction === direction && isOurs(label.drop));
  return ours.map(({ reason }) => reason);
}

/** Of one VTEP. */
export class VtepSeries {
  readonly frames: ByDirection;
  readonly bytes: ByDirection;

  constructor(vtep: string) {
    this.frames = byDirection("vxlane_vtep_frames_total", { vtep });
    this.bytes = byDirection("vxlane_vtep_bytes_total", { vtep });
  }
}

function byDirection(name: string, labels: Readonly<Record<string, string>>): ByDirection {
  return {
    encap: seriesOf(name, { ...labels, direction: "encap" }),
    decap: seriesOf(name, { ...labels, direction: "decap" }),
  };
}

/** What was made for a key, as long as it is asked for. */
export class Kept<T> {
  readonly #make: (key: string) => T;
  #now = new Map<string, T>();
  #before = new Map<string, T>();

  constructor(make: (key: string) => T) {
    this.#make = make;
  }

  get(key: string): T {
    const there = this.#now.get(key);
    if (there !== undefined) return there;
    const kept = this.#before.get(key) ?? this.#make(key);
    this.#now.set(key, kept);
    return kept;
  }

  /** What was not asked for between two calls is forgotten. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
