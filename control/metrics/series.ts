// Label sets as the text of Prometheus' format, made once and kept from scrape to scrape: a thousand networks have twenty
// thousand of them, and to write them anew each time would take longer than to read all counters.

import type { Direction } from "./labels.js";
import type { NetworkReading } from "./readings.js";

/** `{vni="100",direction="encap"}`; empty for no labels. */
export type LabelText = string;

export function labelText(labels: Readonly<Record<string, string>>): LabelText {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\\n"]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

/** All label sets of one network. */
export class NetworkLabels {
  readonly vni: LabelText;
  readonly directions: Readonly<Record<Direction, LabelText>>;
  readonly kinds: Readonly<Record<keyof NetworkReading["fdb"], LabelText>>;
  readonly events: Readonly<Record<keyof NetworkReading["events"], LabelText>>;
  readonly #vni: string;
  readonly #drops = new Map<string, LabelText>();

  /** @param vni empty where the network is unknown */
  constructor(vni: string) {
    const kind = (name: string) => labelText({ vni, kind: name });
    const event = (name: string) => labelText({ vni, event: name });
    this.#vni = vni;
    this.vni = labelText({ vni });
    this.directions = {
      encap: labelText({ vni, direction: "encap" }),
      decap: labelText({ vni, direction: "decap" }),
    };
    this.kinds = { learned: kind("learned"), static: kind("static") };
    this.events = { learned: event("learned"), moved: event("moved"), aged: event("aged"), limit: event("limit") };
  }

  dropped(direction: Direction, reason: string): LabelText {
    const key = `${direction} ${reason}`;
    const known = this.#drops.get(key) ?? labelText({ vni: this.#vni, direction, reason });
    this.#drops.set(key, known);
    return known;
  }
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
