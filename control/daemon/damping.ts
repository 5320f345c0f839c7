// Tells an operator of MACs that move to and fro: a line of the log for each entry that freezes, with both of its places,
// and one problem of `status` while any is frozen. A storm of them is summed up, so that it does not fill the disk.

import type { Logger } from "pino";
import { type FdbTarget, formatMac } from "../address.js";
import type { Freeze } from "../tables/damping.js";
import type { Tables } from "../tables/tables.js";
import type { Problems } from "./problems.js";
import { describeTarget } from "./timers.js";

/* Our choice. */
const LINES_A_TICK = 4;

export class DampingReport {
  readonly #tables: Tables;
  readonly #problems: Problems;
  readonly #log: Logger;

  constructor(tables: Tables, problems: Problems, log: Logger) {
    this.#tables = tables;
    this.#problems = problems;
    this.#log = log;
  }

  /** Freezes and thaws what is due, and says so. To be called a few times a second, when the moves have been counted. */
  tick(): void {
    const { damping, clock, events } = this.#tables;
    const lost = events.takeLostMove();
    const freezes = damping.freeze(lost === undefined ? undefined : { number: lost, clock });
    for (const freeze of freezes.slice(0, LINES_A_TICK)) this.#tell(freeze);
    const more = freezes.length - LINES_A_TICK;
    if (more > 0) this.#log.warn({ frozen: more }, "more FDB entries move too often and are frozen");
    const thawed = damping.tick(clock);
    if (thawed > 0) this.#log.info({ thawed }, "FDB entries may move again");
    const count = damping.frozenCount;
    if (count === 0) {
      this.#problems.end("fdb_frozen", "");
      return;
    }
    const entries = count === 1 ? "1 FDB entry that moved" : `${count} FDB entries that moved`;
    const full = damping.isFull ? ", and no more can be" : "";
    const remedy = "`vxlane fdb show --frozen` names them; look for a MAC in two places or a loop";
    this.#problems.update("fdb_frozen", "", `${entries} too often: frozen${full}; ${remedy}`);
  }

  #tell({ network, mac, at, elsewhere }: Freeze): void {
    const spec = this.#tables.networks.byId(network)?.spec;
    const place = ({ kind, id }: FdbTarget) => describeTarget(this.#tables, kind, id);
    this.#log.warn(
      { vni: spec?.vni, network: spec?.name, mac: formatMac(mac), at: place(at), elsewhere: place(elsewhere) },
      "FDB entry moves too often: frozen",
    );
  }
}
