// /v1/networks/{vni}/fdb: reading and writing the FDB. A list is written while the table is read, some buckets at a
// time; only static entries are written, learning is the workers'.

import { setImmediate as turn } from "node:timers/promises";
import { FDB_BUCKET_SLOTS } from "../../dataplane-wasm/layout.js";
import { parseMac } from "../address.js";
import type { Changes } from "../daemon/changes.js";
import type { FlushFilter } from "../daemon/flush.js";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import type { Network } from "../tables/types.js";
import { readEntries } from "./bulk.js";
import { conditionOf } from "./conditions.js";
import { describeEntry, describeTarget, isFrozen, kindOf } from "./describe.js";
import { numericCursor, type Slice, sendList } from "./list.js";
import { answerGone, answerPut, GONE, LARGE_BODY, PUT_ANSWERS } from "./networks.js";
import { writableEntry } from "./read-only.js";
import { type Query, type Route, route } from "./route.js";
import { checkNetwork } from "./rules.js";
import * as S from "./schemas.js";

const FDB = "/v1/networks/{vni}/fdb";
const ENTRY = "/v1/networks/{vni}/fdb/{mac}";

/* Our choice: about a millisecond. */
const SLICE_BUCKETS = 512;

export function fdbRoutes(running: Running): Route[] {
  const { networks } = running.tables;
  return [
    route(
      "GET",
      FDB,
      {
        summary: "A network's FDB, learned and static",
        description: "In no order. An entry that moves in the table meanwhile may be missed.",
        query: { ...S.PAGING, ...S.FDB_FILTER },
        isList: true,
        answers: { 200: { description: "all, or a page", schema: S.listOf(S.EntryAnswer) } },
        problems: [404],
      },
      (call) => {
        const network = networks.get(call.params.vni);
        return sendList(call, walk(running, network, numericCursor(call.query) ?? 0, call.query));
      },
    ),
    route(
      "GET",
      ENTRY,
      {
        summary: "Where a MAC is",
        answers: { 200: { description: "it", schema: S.EntryAnswer } },
        problems: [404],
      },
      ({ params: { vni, mac } }) => {
        const entry = describeEntry(running.tables, networks.get(vni), mac, parseMac(mac) ?? new Uint8Array(6));
        if (entry === undefined) throw new VxlaneError("ERR_NOT_FOUND", `network ${vni} has no entry for ${mac}`);
        return entry;
      },
    ),
  ];
}

/** A network's entries, from a position in the table on; ends early if the network goes. */
async function* walk({ tables }: Running, network: Network, from: number, query: Query): AsyncGenerator<Slice> {
  const { fdb, networks } = tables;
  const targets = new Map<number, string | undefined>();
  const targetText = (kind: number, id: number) => {
    const key = kind * 0x100000 + id;
    if (!targets.has(key)) targets.set(key, describeWanted(kind, id));
    return targets.get(key);
  };
  const describeWanted = (kind: number, id: number) => {
    const target = describeTarget(tables, kind, id);
    if (target === undefined) return undefined;
    if (query.port !== undefined && !("port" in target && target.port === query.port)) return undefined;
    if (query.vtep !== undefined && !("vtep" in target && target.vtep === query.vtep)) return undefined;
    return JSON.stringify(target).slice(1, -1);
  };
  let bucket = Math.floor(from / FDB_BUCKET_SLOTS);
  let skip = from % FDB_BUCKET_SLOTS;
  for (; bucket < fdb.bucketCount; bucket += SLICE_BUCKETS) {
    if (networks.byId(network.id) !== network) return;
    const items: string[] = [];
    const positions: number[] = [];
    const first = bucket * FDB_BUCKET_SLOTS + skip;
    fdb.visit(bucket, SLICE_BUCKETS, network.id, (entry) => {
      if (entry.position < first) return;
      const target = targetText(entry.kind, entry.id);
      const kind = kindOf(entry);
      if (target === undefined || (query.kind ?? kind) !== kind) return;
      const frozen = isFrozen(entry);
      if ((query.frozen ?? String(frozen)) !== String(frozen)) return;
      const end = frozen ? ',"frozen":true}' : "}";
      items.push(`{"mac":"${macText(entry.mac)}",${target},"kind":"${kind}","age":${entry.age}${end}`);
      positions.push(entry.position + 1);
    });
    skip = 0;
    targets.clear(); // ids are given to others in time
    yield { items, after: (index) => String(positions[index]) };
    await turn();
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** As formatMac, for a million of them. */
function macText(mac: Uint8Array): string {
  return `${HEX[mac[0]]}:${HEX[mac[1]]}:${HEX[mac[2]]}:${HEX[mac[3]]}:${HEX[mac[4]]}:${HEX[mac[5]]}`;
}

export function fdbChanges(running: Running, changes: Changes): Route[] {
  const { config, tables } = running;
  return [
    route(
      "PUT",
      FDB,
      {
        summary: "Add or replace many static entries, all or none",
        body: S.EntriesBody,
        bodyMax: LARGE_BODY,
        takesLines: true,
        answers: { 200: { description: "all are there", schema: S.BulkAnswer } },
        problems: [404, 409, 413, 422],
      },
      async ({ params: { vni }, body }) => {
        const { entries, warnings } = await readEntries(config, tables.networks.get(vni), body);
        const { created, changed, unchanged } = await changes.putEntries(vni, entries);
        return { created, changed, unchanged, ...(warnings.length === 0 ? {} : { warnings }) };
      },
    ),
    route(
      "PUT",
      ENTRY,
      {
        summary: "Add or replace a static entry",
        description: "It takes the place of a learned entry too.",
        body: S.EntryBody,
        writable: writableEntry,
        isConditional: true,
        answers: PUT_ANSWERS,
        problems: [404, 409, 422],
      },
      async (call) => {
        const { vni, mac } = call.params;
        const network = tables.networks.get(vni);
        const ports = "port" in (call.body as object) ? [...network.ports.keys()].map((name) => ({ name })) : [];
        const draft = { vni, ports, fdb: [{ ...(call.body as object), mac }] };
        const rename = (path: string) => path.replace(/networks\[0\]\.fdb\[0\]\.?/g, "");
        const checked = checkNetwork(config, draft, rename);
        const condition = conditionOf(call, `${mac} of network ${vni}`, () => {
          const current = tables.networks.find(vni);
          const entry = current && describeEntry(tables, current, mac, parseMac(mac) ?? new Uint8Array(6));
          if (entry === undefined) return undefined;
          const { age: _age, frozen: _frozen, ...written } = { frozen: false, ...entry };
          return written;
        });
        const { created, changed } = await changes.putEntries(vni, checked.network.fdb, condition);
        return answerPut(call, created > 0 ? "created" : changed > 0 ? "changed" : "unchanged", checked.warnings);
      },
    ),
    route(
      "DELETE",
      ENTRY,
      { summary: "Remove an entry, learned or static", answers: GONE, problems: [404, 409] },
      (call) => answerGone(call, changes.removeEntry(call.params.vni, call.params.mac)),
    ),
    route(
      "POST",
      "/v1/networks/{vni}/fdb/{mac}/thaw",
      {
        summary: "Let a frozen entry move again",
        description: "One that is not frozen stays as it is.",
        body: S.ThawBody,
        answers: { 200: { description: "it may move", schema: S.ThawAnswer } },
        problems: [404],
      },
      async ({ params: { vni, mac } }) => ({ result: (await changes.thawEntry(vni, mac)) ? "thawed" : "unchanged" }),
    ),
    ...flushRoutes(changes),
  ];
}

function flushRoutes(changes: Changes): Route[] {
  const answers = { 200: { description: "they are gone", schema: S.FlushAnswer } };
  const summary = "Remove entries: those that all filters match";
  const flush = async (filter: Partial<FlushFilter>) => {
    if (filter.port !== undefined && filter.vtep !== undefined) {
      throw new VxlaneError("ERR_CONFIG_REFERENCE", "no entry is behind both a port and a vtep; allowed: one of them");
    }
    return { removed: await changes.flush({ kind: "learned", ...filter }) };
  };
  return [
    route(
      "POST",
      "/v1/networks/{vni}/fdb/flush",
      { summary, body: S.FlushBody, answers, problems: [404, 422] },
      ({ params, body }) => flush({ ...(body as Partial<FlushFilter>), vni: params.vni }),
    ),
    route("POST", "/v1/fdb/flush", { summary, body: S.FlushAllBody, answers, problems: [404, 422] }, ({ body }) =>
      flush(body as Partial<FlushFilter>),
    ),
  ];
}
