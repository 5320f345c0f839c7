// The forwarding database as a Map, with the rules of learning: static beats learned, a learned entry moves, a limit
// stops new entries only, another generation is dead, what is frozen stays.

import type { World } from "./world.js";

export type TargetKind = "attachment" | "vtep" | "drop";

export interface FdbEntry {
  readonly network: number;
  readonly mac: string;
  kind: TargetKind;
  id: number;
  readonly fixed: boolean;
  readonly own: boolean;
  /** Control has frozen it: it is refreshed where it is, and moves nowhere. */
  frozen: boolean;
  stamp: number;
  generation: number;
}

export interface FdbEvent {
  readonly event: "learned" | "moved" | "aged" | "limit";
  readonly network: number;
  readonly mac: string;
  readonly to: string;
}

export type Learned = "learned" | "moved" | "refreshed" | "static" | "conflict" | "held" | "limit" | "off";

export class OracleFdb {
  readonly entries = new Map<string, FdbEntry>();
  readonly events: FdbEvent[] = [];
  /** The current generation of each network: a flush of learned entries takes the next one. */
  readonly generations: Map<number, number>;

  constructor(private readonly world: World) {
    this.generations = new Map(world.networks.map(({ id, generation }) => [id, generation]));
    for (const entry of world.statics) {
      this.entries.set(`${entry.network} ${entry.mac}`, {
        network: entry.network,
        mac: entry.mac,
        kind: entry.target,
        id: entry.id,
        fixed: true,
        own: entry.own ?? false,
        frozen: false,
        stamp: 0,
        generation: 0,
      });
    }
  }

  /** What a frame to `mac` finds. Entries of another generation are not there. */
  lookup(network: number, mac: string): FdbEntry | undefined {
    const entry = this.entries.get(`${network} ${mac}`);
    return entry !== undefined && (entry.fixed || entry.generation === this.generation(network)) ? entry : undefined;
  }

  learn(network: number, mac: string, kind: TargetKind, id: number, now: number): Learned {
    const key = `${network} ${mac}`;
    const settings = this.world.networks.find((candidate) => candidate.id === network);
    const entry = this.entries.get(key);
    const to = `${kind} ${id}`;
    if (entry?.fixed) return entry.kind === kind && entry.id === id ? "static" : "conflict";
    if (!settings?.learning) return "off";
    if (entry !== undefined) {
      const live = entry.generation === this.generation(network);
      const moved = entry.kind !== kind || entry.id !== id;
      if (live && moved && entry.frozen) return "held";
      const frozen = live && entry.frozen;
      Object.assign(entry, { kind, id, frozen, stamp: now & 0xffff, generation: this.generation(network) });
      if (live && !moved) return "refreshed";
      this.events.push({ event: live ? "moved" : "learned", network, mac, to });
      return live ? "moved" : "learned";
    }
    const learned = [...this.entries.values()].filter((other) => other.network === network && !other.fixed).length;
    if (this.entries.size >= this.world.fdbCapacity || (settings.learnLimit > 0 && learned >= settings.learnLimit)) {
      return "limit";
    }
    this.entries.set(key, {
      network,
      mac,
      kind,
      id,
      fixed: false,
      own: false,
      frozen: false,
      stamp: now & 0xffff,
      generation: this.generation(network),
    });
    this.events.push({ event: "learned", network, mac, to });
    return "learned";
  }

  /** As control does: a learned entry that is alive stays where it is, or moves again. */
  freeze(network: number, mac: string, frozen: boolean): void {
    const entry = this.lookup(network, mac);
    if (entry !== undefined && !entry.fixed) entry.frozen = frozen;
  }

  /** Takes out learned entries that are older than their network's ageing time, and dead ones. Returns the aged. */
  sweep(now: number): FdbEntry[] {
    const aged: FdbEntry[] = [];
    for (const [key, entry] of this.entries) {
      const settings = this.world.networks.find((candidate) => candidate.id === entry.network);
      if (entry.fixed || settings === undefined) continue;
      const dead = entry.generation !== this.generation(entry.network);
      const old = settings.ageing > 0 && ((now - entry.stamp) & 0xffff) > settings.ageing;
      if (!dead && !old) continue;
      this.entries.delete(key);
      if (!dead) {
        aged.push(entry);
        this.events.push({ event: "aged", network: entry.network, mac: entry.mac, to: `${entry.kind} ${entry.id}` });
      }
    }
    return aged;
  }

  private generation(network: number): number {
    return this.generations.get(network) ?? 0;
  }
}
