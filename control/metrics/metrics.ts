// The Prometheus metrics, names pinned. Values are collected when Prometheus asks, straight from the shared memory;
// between two scrapes nothing happens here.
//
// prom-client's own counters keep a copy of each value by its labels. These keep none: they hand their samples over
// when the registry asks, all from one set of readings, so that the figures of a scrape belong together. Drops appear
// with their first frame, but for those that belong to no network (vni=""): these are there from the start.

import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import { DROP_WITHOUT_NETWORK } from "../../dataplane-wasm/drop.js";
import { version } from "../cli/version.js";
import type { Running } from "../daemon/running.js";
import { BATCH_BOUNDS } from "../tables/counters.js";
import { type Direction, DROP_LABELS } from "./labels.js";
import { type NetworkReading, readNetworks, readVteps, type VtepReading } from "./readings.js";

/* Our choice: prom-client's own 10 ms would wake an idle daemon a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 500;

/** prom-client's own gauges whose names `promtool check metrics` refuses. */
const REFUSED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

const DIRECTIONS: readonly Direction[] = ["encap", "decap"];

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  /** For the series of a histogram. */
  readonly metricName?: string;
}

interface Readings {
  readonly networks: readonly NetworkReading[];
  readonly vteps: readonly VtepReading[];
}

export class Metrics {
  readonly #running: Running;
  readonly #registry = new Registry();
  #readings: Readings = { networks: [], vteps: [] };

  constructor(running: Running) {
    this.#running = running;
    this.#addNetworks();
    this.#addVteps();
    this.#addWorkers();
    this.#addSystem();
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
    for (const name of REFUSED) this.#registry.removeSingleMetric(name);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of a scrape. */
  async collect(): Promise<string> {
    this.#readings = { networks: [...readNetworks(this.#running)], vteps: [...readVteps(this.#running)] };
    return this.#registry.metrics();
  }

  #add(type: "counter" | "gauge" | "histogram", name: string, help: string, samples: () => Iterable<Sample>): void {
    const get = async () => ({ name, help, type, aggregator: "sum", values: [...samples()] });
    this.#registry.registerMetric({ name, help, get } as unknown as Metric);
  }

  #addNetworks(): void {
    const both = (key: "received" | "frames" | "bytes" | "flooded") => () =>
      this.#readings.networks.flatMap((network) =>
        DIRECTIONS.map((direction) => ({
          value: network[direction][key],
          labels: { vni: vniLabel(network), direction },
        })),
      );
    const known = () => this.#readings.networks.filter(({ vni }) => vni !== undefined);
    this.#add("counter", "vxlane_received_frames_total", "Frames received.", both("received"));
    this.#add("counter", "vxlane_frames_total", "Frames forwarded through the tunnel.", both("frames"));
    this.#add("counter", "vxlane_bytes_total", "Bytes of those: inner Ethernet frames without FCS.", both("bytes"));
    this.#add("counter", "vxlane_local_frames_total", "Frames switched between ports of this VTEP.", () =>
      known().map((network) => ({ value: network.local, labels: { vni: vniLabel(network) } })),
    );
    this.#add("counter", "vxlane_flooded_frames_total", "Forwarded frames that were flooded.", both("flooded"));
    this.#add("counter", "vxlane_dropped_frames_total", "Frames dropped.", () =>
      this.#readings.networks.flatMap((network) => [...dropSamples(network)]),
    );
    this.#add("gauge", "vxlane_fdb_entries", "Entries of the forwarding database.", () =>
      known().flatMap((network) =>
        (["learned", "static"] as const).map((kind) => ({
          value: network.fdb[kind],
          labels: { vni: vniLabel(network), kind },
        })),
      ),
    );
    this.#add("counter", "vxlane_fdb_events_total", "Changes of the forwarding database by traffic and time.", () =>
      known().flatMap((network) =>
        (["learned", "moved", "aged", "limit"] as const).map((event) => ({
          value: network.events[event],
          labels: { vni: vniLabel(network), event },
        })),
      ),
    );
  }

  #addVteps(): void {
    const both = (key: "frames" | "bytes") => () =>
      this.#readings.vteps.flatMap((vtep) =>
        DIRECTIONS.map((direction) => ({ value: vtep[direction][key], labels: { vtep: vtep.address, direction } })),
      );
    this.#add("counter", "vxlane_vtep_frames_total", "Frames to and from a VTEP, flooded copies too.", both("frames"));
    this.#add("counter", "vxlane_vtep_bytes_total", "Bytes of those: inner frames without FCS.", both("bytes"));
  }

  #addWorkers(): void {
    const { workers, tables } = this.#running;
    const each = (read: (worker: number) => number) => () =>
      Array.from({ length: workers.count }, (_, worker) => ({
        value: read(worker),
        labels: { worker: String(worker) },
      }));
    const batches = "vxlane_worker_batch_frames";
    this.#add("histogram", batches, "Frames in a batch.", function* (): Generator<Sample> {
      const { buckets, sum, count } = tables.counters.batches();
      let upTo = 0;
      for (const [index, bound] of BATCH_BOUNDS.entries()) {
        upTo += buckets[index];
        yield { value: upTo, labels: { le: String(bound) }, metricName: `${batches}_bucket` };
      }
      yield { value: count, labels: { le: "+Inf" }, metricName: `${batches}_bucket` };
      yield { value: sum, labels: {}, metricName: `${batches}_sum` };
      yield { value: count, labels: {}, metricName: `${batches}_count` };
    });
    const busy = each((worker) => workers.busyRatio(worker));
    this.#add("gauge", "vxlane_worker_busy_ratio", "Share of the last seconds that a worker did not wait.", busy);
    const restarts = each((worker) => workers.restarts(worker));
    this.#add("counter", "vxlane_worker_restarts_total", "Restarts of a worker after a failure.", restarts);
  }

  #addSystem(): void {
    const { tables } = this.#running;
    const one = (read: () => number) => () => [{ value: read(), labels: {} }];
    this.#add(
      "gauge",
      "vxlane_fdb_capacity",
      "Entries that the forwarding database may hold.",
      one(() => tables.fdbCapacity),
    );
    const lost = one(() => tables.events.lost);
    this.#add("counter", "vxlane_events_lost_total", "Events that found their ring full.", lost);
    const labels = { version: version(), node: process.versions.node };
    this.#add("gauge", "vxlane_build_info", "Always 1; the labels tell.", () => [{ value: 1, labels }]);
  }
}

/** Empty where the network is unknown. */
function vniLabel({ vni }: NetworkReading): string {
  return vni === undefined ? "" : String(vni);
}

function* dropSamples(network: NetworkReading): Generator<Sample> {
  const vni = vniLabel(network);
  for (const direction of DIRECTIONS) {
    const { dropped } = network[direction];
    for (const [reason, value] of Object.entries(dropped)) yield { value, labels: { vni, direction, reason } };
  }
  if (network.vni !== undefined) return;
  for (const { drop, direction, reason } of DROP_LABELS) {
    const isSeen = reason in network[direction].dropped;
    if (drop <= DROP_WITHOUT_NETWORK && !isSeen) yield { value: 0, labels: { vni, direction, reason } };
  }
}
