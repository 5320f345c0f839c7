// The daemon's clock: four times a second it sets the time that workers stamp entries with, lets the tables tidy up,
// and empties the event rings. One timer for all of it keeps an idle daemon asleep.

import type { Logger } from "pino";
import { FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "../../dataplane-wasm/layout.js";
import { formatAddress, formatMac } from "../address.js";
import type { FdbEvent } from "../tables/events.js";
import type { Tables } from "../tables/tables.js";

/* Our choice: a ring holds 4,096 events, half of them moves only, which is 8,000 of the others a second and worker. */
const TICK_MS = 250;

/** Starts the clock. @param onTick is called at the end of each tick. Returns what stops it. */
export function startTimers(tables: Tables, log: Logger, onTick: () => void): () => void {
  // Monotonic: a step of the wall clock must not age a whole table.
  const setClock = () => tables.setClock(Math.floor(performance.now() / 1000));
  setClock();
  let lastMs = performance.now();
  const isLogged = log.isLevelEnabled("debug");
  const take = (event: FdbEvent) => {
    if (isLogged) logEvent(tables, log, event);
    if (event.kind === "moved") tables.damping.moved(event);
  };
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const elapsedMs = nowMs - lastMs;
    lastMs = nowMs;
    try {
      setClock();
      tables.tick(elapsedMs);
      tables.events.drain(take, isLogged ? undefined : "moved");
      if (tables.learnedVteps.takeWarning())
        log.warn("no room for more VTEPs that only a prefix of an allow list covers: new ones are refused");
      onTick();
    } catch (error) {
      // Frames go on without us; the next tick may do better.
      log.error({ err: error }, "housekeeping failed");
    }
  }, TICK_MS);
  return () => clearInterval(timer);
}

function logEvent(tables: Tables, log: Logger, event: FdbEvent): void {
  const { kind, network, mac, toKind, to, fromKind, from } = event;
  log.debug(
    {
      event: kind,
      vni: tables.networks.byId(network)?.spec.vni,
      mac: formatMac(mac),
      to: describeTarget(tables, toKind, to),
      ...(kind === "moved" ? { from: describeTarget(tables, fromKind, from) } : {}),
    },
    "fdb",
  );
}

/** A port's name or a VTEP's address; undefined if it is gone. */
export function describeTarget(tables: Tables, kind: number, id: number): string | undefined {
  if (kind === FDB_KIND_ATTACHMENT) return tables.ports.ofAttachment(id)?.name;
  const address = kind === FDB_KIND_VTEP ? tables.vteps.address(id) : undefined;
  return address === undefined ? undefined : formatAddress(address);
}
