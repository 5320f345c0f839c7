// Counters by name. Both the oracle and the harness produce this record, without zeros, so that one comparison shows
// every difference.

export type Counters = Record<string, number>;

export type NetworkCounter =
  | "receivedEncap"
  | "receivedDecap"
  | "framesEncap"
  | "framesDecap"
  | "bytesEncap"
  | "bytesDecap"
  | "local"
  | "floodedEncap"
  | "floodedDecap"
  | "learned"
  | "moved"
  | "aged"
  | "limit"
  | "ecnAlarm"
  | "icmp"
  | "frozen"
  | "held";

export type VtepCounter = "framesEncap" | "framesDecap" | "bytesEncap" | "bytesDecap" | "dropsEncap" | "dropsDecap";

export class OracleCounters {
  readonly all: Counters = {};

  network(network: number, name: NetworkCounter, amount = 1): void {
    this.add(`network ${network} ${name}`, amount);
  }

  vtep(vtep: number, name: VtepCounter, amount = 1): void {
    this.add(`vtep ${vtep} ${name}`, amount);
  }

  drop(network: number, label: string, amount = 1): void {
    this.add(`network ${network} drop ${label}`, amount);
  }

  private add(name: string, amount: number): void {
    this.all[name] = (this.all[name] ?? 0) + amount;
  }
}

/** received = frames + local + dropped, for each network and direction; names those where it does not hold. */
export function imbalances(counters: Counters): string[] {
  const networks = new Set(Object.keys(counters).flatMap((name) => name.match(/^network \d+/)?.[0] ?? []));
  const wrong: string[] = [];
  for (const network of networks) {
    for (const direction of ["Encap", "Decap"]) {
      const received = counters[`${network} received${direction}`] ?? 0;
      const frames = counters[`${network} frames${direction}`] ?? 0;
      const local = direction === "Encap" ? (counters[`${network} local`] ?? 0) : 0;
      const dropped = Object.entries(counters)
        .filter(([name]) => name.startsWith(`${network} drop ${direction}`))
        .reduce((sum, [, count]) => sum + count, 0);
      if (received !== frames + local + dropped) {
        wrong.push(`${network} ${direction}: ${received} received, ${frames} + ${local} + ${dropped} accounted for`);
      }
    }
  }
  return wrong;
}
