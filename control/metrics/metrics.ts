// The Prometheus metrics, names pinned. Values are collected when Prometheus asks, straight from the shared memory;
// between two scrapes nothing happens here.
//
// prom-client serves the process's metrics. Its counters keep a copy of each value by its labels and write the labels anew
// at each scrape; ours keep nothing and write their lines from one set of readings, so that the figures of a scrape belong
// together, and a thousand networks take milliseconds. Every reason to drop has its series from the start, with 0: the
// first frame of a reason is an increase that Prometheus sees, and nothing is told from "never asked".

import { collectDefaultMetrics, Registry } from "prom-client";
import { version } from "../cli/version.js";
import type { Running } from "../daemon/running.js";
import { BATCH_BOUNDS } from "../tables/counters.js";
import type { Direction } from "./labels.js";
import { type NetworkReading, readNetworks, readVteps, type VtepReading } from "./readings.js";
import { Kept, NetworkSeries, seriesOf, VtepSeries } from "./series.js";

/* Our choice: prom-client's own 10 ms would wake an idle daemon a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 500;

/** prom-client's own gauges whose names `promtool check metrics` refuses. */
const REFUSED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

const DIRECTIONS: readonly Direction[] = ["encap", "decap"];

/** Adds the lines of one metric. */
type Write = (lines: string[]) => void;

interface Read<Reading, Series> {
  readonly reading: Reading;
  readonly series: Series;
}

export class Metrics {
  readonly #running: Running;
  readonly #registry = new Registry();
  readonly #own: Write[] = [];
  readonly #networkSeries = new Kept((vni) => new NetworkSeries(vni));
  readonly #vtepSeries = new Kept((vtep) => new VtepSeries(vtep));
  #networks: Read<NetworkReading, NetworkSeries>[] = [];
  #vteps: Read<VtepReading, VtepSeries>[] = [];

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
    this.#networkSeries.turn();
    this.#vtepSeries.turn();
    this.#networks = Array.from(readNetworks(this.#running), (reading) => {
      return { reading, series: this.#networkSeries.get(reading.vni === undefined ? "" : String(reading.vni)) };
    });
    this.#vteps = Array.from(readVteps(this.#running), (reading) => {
      return { reading, series: this.#vtepSeries.get(reading.address) };
    });
    const lines: string[] = [];
    for (const write of this.#own) write(lines);
    lines.push(await this.#registry.metrics());
    return lines.join("\n");
  }

  #add(type: "counter" | "gauge" | "histogram", name: string, help: string, write: Write): void {
    const head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    this.#own.push((lines) => {
      lines.push(...head);
      write(lines);
      lines.push("");
    });
  }

  #addNetworks(): void {
    const both =
      (key: "received" | "frames" | "bytes" | "flooded"): Write =>
      (lines) => {
        for (const { reading, series } of this.#networks) {
          lines.push(series[key].encap + reading.encap[key], series[key].decap + reading.decap[key]);
        }
      };
    const known = (write: (read: Read<NetworkReading, NetworkSeries>, lines: string[]) => void): Write => {
      return (lines) => {
        for (const read of this.#networks) if (read.reading.vni !== undefined) write(read, lines);
      };
    };
    this.#add("counter", "vxlane_received_frames_total", "Frames received.", both("received"));
    this.#add("counter", "vxlane_frames_total", "Frames forwarded through the tunnel.", both("frames"));
    this.#add("counter", "vxlane_bytes_total", "Bytes of those: inner Ethernet frames without FCS.", both("bytes"));
    const local = known(({ reading, series }, lines) => lines.push(series.local + reading.local));
    this.#add("counter", "vxlane_local_frames_total", "Frames switched between ports of this VTEP.", local);
    this.#add("counter", "vxlane_flooded_frames_total", "Forwarded frames that were flooded.", both("flooded"));
    const why = "the check that they failed, by the README's tables; vni is empty where no network was known yet";
    this.#add("counter", "vxlane_dropped_frames_total", `Frames that went nowhere; reason: ${why}.`, (lines) => {
      for (const read of this.#networks) writeDrops(read, lines);
    });
    const entries = known(({ reading: { fdb }, series }, lines) => {
      lines.push(series.fdb.learned + fdb.learned, series.fdb.static + fdb.static);
    });
    this.#add("gauge", "vxlane_fdb_entries", "Entries of the forwarding database.", entries);
    const events = known(({ reading, series }, lines) => {
      const { learned, moved, aged, limit, frozen, held } = reading.events;
      lines.push(series.events.learned + learned, series.events.moved + moved);
      lines.push(series.events.aged + aged, series.events.limit + limit);
      lines.push(series.events.frozen + frozen, series.events.held + held);
    });
    this.#add("counter", "vxlane_fdb_events_total", "Changes of the forwarding database by traffic and time.", events);
  }

  #addVteps(): void {
    const both =
      (key: "frames" | "bytes"): Write =>
      (lines) => {
        for (const { reading, series } of this.#vteps) {
          lines.push(series[key].encap + reading.encap[key], series[key].decap + reading.decap[key]);
        }
      };
    this.#add("counter", "vxlane_vtep_frames_total", "Frames to and from a VTEP, flooded copies too.", both("frames"));
    this.#add("counter", "vxlane_vtep_bytes_total", "Bytes of those: inner frames without FCS.", both("bytes"));
  }

  #addWorkers(): void {
    const { workers, tables } = this.#running;
    const each =
      (name: string, read: (worker: number) => number): Write =>
      (lines) => {
        for (let worker = 0; worker < workers.count; worker++) {
          lines.push(seriesOf(name, { worker: String(worker) }) + read(worker));
        }
      };
    const batches = "vxlane_worker_batch_frames";
    this.#add("histogram", batches, "Frames in a batch.", (lines) => {
      const { buckets, sum } = tables.counters.batches();
      let upTo = 0;
      for (const [index, bound] of BATCH_BOUNDS.entries()) {
        upTo += buckets[index];
        lines.push(seriesOf(`${batches}_bucket`, { le: String(bound) }) + upTo);
      }
      // The workers go on meanwhile: a count that was read apart could be less than a bucket.
      lines.push(seriesOf(`${batches}_bucket`, { le: "+Inf" }) + upTo);
      lines.push(seriesOf(`${batches}_sum`) + sum, seriesOf(`${batches}_count`) + upTo);
    });
    const ratio = "vxlane_worker_busy_ratio";
    const busy = each(ratio, (worker) => workers.busyRatio(worker));
    this.#add("gauge", ratio, "Share of the last whole second that a worker did not wait.", busy);
    const restarts = "vxlane_worker_restarts_total";
    const restarted = each(restarts, (worker) => workers.restarts(worker));
    this.#add("counter", restarts, "Restarts of a worker after a failure.", restarted);
  }

  #addSystem(): void {
    const { tables, problems } = this.#running;
    const one = (type: "counter" | "gauge", name: string, help: string, read: () => number) => {
      this.#add(type, name, help, (lines) => lines.push(seriesOf(name) + read()));
    };
    one("gauge", "vxlane_fdb_capacity", "Entries that the forwarding database may hold.", () => tables.fdbCapacity);
    one("counter", "vxlane_events_lost_total", "Events that found their ring full.", () => tables.events.lost);
    one(
      "gauge",
      "vxlane_problems",
      "How many things are wrong now; `vxlane status` and the log say which.",
      () => problems.list().length,
    );
    const offload = "vxlane_offload_enabled";
    this.#add(
      "gauge",
      offload,
      "1 where the kernel does it for many frames at once, or leaves it unfinished.",
      (lines) => {
        for (const { feature, enabled } of this.#running.offloads.list()) {
          lines.push(seriesOf(offload, { feature }) + (enabled ? 1 : 0));
        }
      },
    );
    const info = seriesOf("vxlane_build_info", { version: version(), node: process.versions.node });
    this.#add("gauge", "vxlane_build_info", "Always 1; the labels tell.", (lines) => lines.push(`${info}1`));
  }
}

function writeDrops({ reading, series }: Read<NetworkReading, NetworkSeries>, lines: string[]): void {
  for (const direction of DIRECTIONS) {
    const { dropped } = reading[direction];
    const reasons = Object.keys(dropped);
    for (const reason of reasons) lines.push(series.drops[direction].of(reason) + dropped[reason]);
    const zeros = series.drops[direction].zerosBeside(reasons);
    if (zeros !== "") lines.push(zeros);
  }
}
