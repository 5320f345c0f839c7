// GET /v1/networks, /v1/networks/{vni} and its FDB. Field names are those of the config; the FDB is written while it is
// read, a slice of buckets at a time, so that a million entries never stand in memory at once and other callers (and
// the daemon's own timers) get their turn in between.

import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { FDB_FLAG_STATIC, FDB_KIND_ATTACHMENT, FDB_KIND_VTEP } from "../../dataplane-wasm/layout.js";
import { formatAddress, formatMac, formatPrefix } from "../address.js";
import type { Running } from "../daemon/running.js";
import { VxlaneError } from "../errors.js";
import { readNetwork } from "../metrics/readings.js";
import type { FdbEntry } from "../tables/fdb.js";
import type { Flood, Network } from "../tables/types.js";

/* Our choice: some tenths of a millisecond. */
const FDB_SLICE_BUCKETS = 1024;
const VNI_MAX = 0xffffff;

interface VniParams {
  readonly Params: { readonly vni: string };
}

export function addNetworkRoutes(app: FastifyInstance, running: Running): void {
  const { networks } = running.tables;
  app.get("/v1/networks", async () => [...networks].map((network) => describeNetwork(running, network)));
  app.get<VniParams>("/v1/networks/:vni", async ({ params }) => {
    return describeNetwork(running, networks.get(parseVni(params.vni)));
  });
  app.get<VniParams>("/v1/networks/:vni/fdb", async ({ params }, reply) => {
    const network = networks.get(parseVni(params.vni));
    return reply.type("application/json").send(Readable.from(fdbJson(running, network)));
  });
}

/** @throws ERR_USAGE */
function parseVni(text: string): number {
  const vni = Number(text);
  if (!/^\d{1,8}$/.test(text) || vni > VNI_MAX) {
    throw new VxlaneError("ERR_USAGE", `${text} is not a VNI: a whole number from 0 to ${VNI_MAX}`);
  }
  return vni;
}

function describeNetwork(running: Running, network: Network) {
  const { vni, name, mtu, learning, ageing, dropVlan, flood, allow } = network.spec;
  return {
    vni,
    name,
    mtu,
    learning,
    ageing,
    innerVlan: dropVlan ? "drop" : "keep",
    flood: describeFlood(flood),
    ...(allow === undefined ? {} : { allow: allow.map(formatPrefix) }),
    ports: [...network.ports.values()].map((port) => ({
      ...running.ports.find(port.name)?.config,
      name: port.name,
      mac: formatMac(port.mac),
    })),
    fdb: readNetwork(running, network).fdb,
  };
}

function describeFlood(flood: Flood) {
  if (flood.mode === "headend") return { mode: flood.mode, vteps: flood.vteps.map(formatAddress) };
  if (flood.mode === "multicast") return { mode: flood.mode, group: formatAddress(flood.group), ttl: flood.ttl };
  return { mode: flood.mode };
}

/** A JSON array, in chunks. */
async function* fdbJson({ tables }: Running, network: Network): AsyncGenerator<string> {
  let separator = "[";
  for (let bucket = 0; bucket < tables.fdb.bucketCount; bucket += FDB_SLICE_BUCKETS) {
    let chunk = "";
    for (const entry of tables.fdb.entries(bucket, FDB_SLICE_BUCKETS, network.id)) {
      chunk += `${separator}${JSON.stringify(describeEntry(tables, entry))}`;
      separator = ",\n";
    }
    if (chunk !== "") yield chunk;
    await turn();
  }
  yield separator === "[" ? "[]\n" : "]\n";
}

function describeEntry(tables: Running["tables"], { mac, kind, id, flags, age }: FdbEntry) {
  return {
    mac: formatMac(mac),
    ...describeTarget(tables, kind, id),
    kind: (flags & FDB_FLAG_STATIC) !== 0 ? "static" : "learned",
    /** Seconds since a frame from this MAC was last received; 0 for static entries. */
    age,
  };
}

function describeTarget(tables: Running["tables"], kind: number, id: number) {
  if (kind === FDB_KIND_ATTACHMENT) return { port: tables.ports.ofAttachment(id)?.name };
  if (kind !== FDB_KIND_VTEP) return {};
  const address = tables.vteps.address(id);
  return { vtep: address === undefined ? undefined : formatAddress(address) };
}
