// The Prometheus metrics, names pinned. Values are collected when Prometheus asks, straight from the shared memory;
// between two scrapes nothing happens here.
//
// prom-client serves the process's metrics. Its counters keep a copy of each value by its labels and write the labels anew
// at each scrape; ours keep nothing and write their lines from one set of readings, so that the figures of a scrape belong
// together, and a thousand networks take milliseconds. Drops appear with their first frame, but for those that belong to
// no network (vni=""): these are there from the start.

import { collectDefaultMetrics, Registry } from "prom-client";
import { DROP_WITHOUT_NETWORK } from "../../dataplane-wasm/drop.js";
import { version } from "../cli/version.js";
import type { Running } from "../daemon/running.js";
import { BATCH_BOUNDS } from "../tables/counters.js";
import { type Direction, DROP_LABELS } from "./labels.js";
import { type NetworkReading, readNetworks, readVteps, type VtepReading } from "./readings.js";
import { Kept, type LabelText, labelText, NetworkLabels } from "./series.js";

/* Our choice: prom-client's own 10 ms would wake an idle daemon a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 500;

/** prom-client's own gauges whose names `promtool check metrics` refuses. */
const REFUSED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

const DIRECTIONS: readonly Direction[] = ["encap", "decap"];

const KINDS = ["learned", "static"] as const;
const EVENTS = ["learned", "moved", "aged", "limit"] as const;

interface Sample {
  readonly value: number;
  readonly labels?: LabelText;
  /** For the series of a histogram. */
  readonly metricName?: string;
}

interface Labelled<Reading, L> {
  readonly reading: Reading;
  readonly labels: L;
}

export class Metrics {
  readonly #running: Running;
  readonly #registry = new Registry();
  readonly #networkLabels = new Kept((vni) => new NetworkLabels(vni));
  readonly #vtepLabels = new Kept(
    (vtep): Record<Direction, LabelText> => ({
      encap: labelText({ vtep, direction: "encap" }),
      decap: labelText({ vtep, direction: "decap" }),
    }),
  );
  #networks: Labelled<NetworkReading, NetworkLabels>[] = [];
  #vteps: Labelled<VtepReading, Record<Direction, LabelText>>[] = [];
  /** Each writes the text of one metric. */
  readonly #own: (() => string)[] = [];

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
    this.#networkLabels.turn();
    this.#vtepLabels.turn();
    this.#networks = Array.from(readNetworks(this.#running), (reading) => {
      return { reading, labels: this.#networkLabels.get(reading.vni === undefined ? "" : String(reading.vni)) };
    });
    this.#vteps = Array.from(readVteps(this.#running), (reading) => {
      return { reading, labels: this.#vtepLabels.get(reading.address) };
    });
    const own = this.#own.map((write) => write()).join("\n\n");
    return `${own}\n\n${await this.#registry.metrics()}`;
  }

  #add(type: "counter" | "gauge" | "histogram", name: string, help: string, samples: () => Iterable<Sample>): void {
    const head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}`;
    this.#own.push(() => {
      let text = head;
      for (const { value, labels = "", metricName = name } of samples()) text += `\n${metricName}${labels} ${value}`;
      return text;
    });
  }

  #addNetworks(): void {
    const both = (key: "received" | "frames" | "bytes" | "flooded") => () =>
      this.#networks.flatMap(({ reading, labels }) =>
        DIRECTIONS.map((direction) => ({
          value: reading[direction][key],
          labels: labels.directions[direction],
        })),
      );
    const known = () => this.#networks.filter(({ reading }) => reading.vni !== undefined);
    this.#add("counter", "vxlane_received_frames_total", "Frames received.", both("received"));
    this.#add("counter", "vxlane_frames_total", "Frames forwarded through the tunnel.", both("frames"));
    this.#add("counter", "vxlane_bytes_total", "Bytes of those: inner Ethernet frames without FCS.", both("bytes"));
    this.#add("counter", "vxlane_local_frames_total", "Frames switched between ports of this VTEP.", () =>
      known().map(({ reading, labels }) => ({ value: reading.local, labels: labels.vni })),
    );
    this.#add("counter", "vxlane_flooded_frames_total", "Forwarded frames that were flooded.", both("flooded"));
    this.#add("counter", "vxlane_dropped_frames_total", "Frames dropped.", () =>
      this.#networks.flatMap((network) => [...dropSamples(network)]),
    );
    this.#add("gauge", "vxlane_fdb_entries", "Entries of the forwarding database.", () =>
      known().flatMap(({ reading, labels }) =>
        KINDS.map((kind) => ({ value: reading.fdb[kind], labels: labels.kinds[kind] })),
      ),
    );
    this.#add("counter", "vxlane_fdb_events_total", "Changes of the forwarding database by traffic and time.", () =>
      known().flatMap(({ reading, labels }) =>
        EVENTS.map((event) => ({ value: reading.events[event], labels: labels.events[event] })),
      ),
    );
  }

  #addVteps(): void {
    const both = (key: "frames" | "bytes") => () =>
      this.#vteps.flatMap(({ reading, labels }) =>
        DIRECTIONS.map((direction) => ({ value: reading[direction][key], labels: labels[direction] })),
      );
    this.#add("counter", "vxlane_vtep_frames_total", "Frames to and from a VTEP, flooded copies too.", both("frames"));
    this.#add("counter", "vxlane_vtep_bytes_total", "Bytes of those: inner frames without FCS.", both("bytes"));
  }

  #addWorkers(): void {
    const { workers, tables } = this.#running;
    const each = (read: (worker: number) => number) => () =>
      Array.from({ length: workers.count }, (_, worker) => ({
        value: read(worker),
        labels: labelText({ worker: String(worker) }),
      }));
    const batches = "vxlane_worker_batch_frames";
    this.#add("histogram", batches, "Frames in a batch.", function* (): Generator<Sample> {
      const { buckets, sum } = tables.counters.batches();
      let upTo = 0;
      for (const [index, bound] of BATCH_BOUNDS.entries()) {
        upTo += buckets[index];
        yield { value: upTo, labels: labelText({ le: String(bound) }), metricName: `${batches}_bucket` };
      }
      // The workers go on meanwhile: a count that was read apart could be less than a bucket.
      yield { value: upTo, labels: labelText({ le: "+Inf" }), metricName: `${batches}_bucket` };
      yield { value: sum, metricName: `${batches}_sum` };
      yield { value: upTo, metricName: `${batches}_count` };
    });
    const busy = each((worker) => workers.busyRatio(worker));
    this.#add("gauge", "vxlane_worker_busy_ratio", "Share of the last whole second that a worker did not wait.", busy);
    const restarts = each((worker) => workers.restarts(worker));
    this.#add("counter", "vxlane_worker_restarts_total", "Restarts of a worker after a failure.", restarts);
  }

  #addSystem(): void {
    const { tables } = this.#running;
    const one = (read: () => number) => () => [{ value: read() }];
    this.#add(
      "gauge",
      "vxlane_fdb_capacity",
      "Entries that the forwarding database may hold.",
      one(() => tables.fdbCapacity),
    );
    const lost = one(() => tables.events.lost);
    this.#add("counter", "vxlane_events_lost_total", "Events that found their ring full.", lost);
    const labels = labelText({ version: version(), node: process.versions.node });
    this.#add("gauge", "vxlane_build_info", "Always 1; the labels tell.", () => [{ value: 1, labels }]);
  }
}

function* dropSamples({ reading, labels }: Labelled<NetworkReading, NetworkLabels>): Generator<Sample> {
  for (const direction of DIRECTIONS) {
    const { dropped } = reading[direction];
    for (const [reason, value] of Object.entries(dropped)) {
      yield { value, labels: labels.dropped(direction, reason) };
    }
  }
  if (reading.vni !== undefined) return;
  for (const { drop, direction, reason } of DROP_LABELS) {
    const isSeen = reason in reading[direction].dropped;
    if (drop <= DROP_WITHOUT_NETWORK && !isSeen) yield { value: 0, labels: labels.dropped(direction, reason) };
  }
}
