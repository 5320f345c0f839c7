// The API over real tables, a real overlay and real epoll sets. Only what needs rights is a double: an interface is
// some eventfds here, a multicast group one more. Both say what is open, and fail when they are told to.

import type { FastifyInstance, InjectOptions } from "fastify";
import { onTestFinished } from "vitest";
import { makeApi } from "../../../control/api/server.js";
import { Changes } from "../../../control/daemon/changes.js";
import { Overlay } from "../../../control/daemon/overlay.js";
import { type Device, PortDevices } from "../../../control/daemon/port-devices.js";
import { UnderlaySockets } from "../../../control/daemon/underlay-sockets.js";
import { VxlaneError } from "../../../control/errors.js";
import { closeFd, createBell, createEpoll, type TapOptions } from "../../../control/linux/index.js";
import type { TablesOptions } from "../../../control/tables/tables.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFakeDaemon } from "../daemon/running.js";
import { createFixture, type Fixture, floodList, settle } from "../tables/fixture.js";

export const DEFAULT_MTU = 1450;

/* What the tests put and ask for. */
export const [OURS, THEIRS, THIRD] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"] as const;
export const BLUE = "/v1/networks/100";
export const headend = (...vteps: string[]) => ({ mode: "headend", vteps });

const WORKERS = 2;

export class FakeDevices {
  readonly open = new Map<string, TapOptions & { mac: string; mtu: number }>();
  /** Thrown instead of opening the port of that name. */
  readonly refuse = new Map<string, Error>();
  #made = 0;

  readonly openDevice = (options: TapOptions): Device => {
    const { name } = options;
    const refusal = this.refuse.get(name);
    if (refusal !== undefined) throw refusal;
    if (this.open.has(name)) throw new VxlaneError("ERR_HOST_INTERFACE", `${name} is in use`);
    const mac = options.mac ?? `0a:00:00:00:00:${(++this.#made % 256).toString(16).padStart(2, "0")}`;
    const device = { ...options, mac };
    this.open.set(name, device);
    const queueFds = Array.from({ length: options.queues }, () => createBell());
    return {
      name,
      index: 0,
      mac,
      queueFds,
      offloads: { checksum: true, tso: true, uso: true },
      isAttached: true,
      readTxDropped: () => 0,
      setMtu: (mtu) => Object.assign(device, { mtu }),
      release: () => {
        this.open.delete(name);
        for (const fd of queueFds) closeFd(fd);
      },
    };
  };
}

export class FakeGroups {
  readonly receiveFds: readonly number[] = [];
  readonly joined = new Set<string>();

  moveGroups(): void {}

  joinGroup(group: string) {
    if (this.joined.has(group)) throw new VxlaneError("ERR_CONFLICT", `${group} is joined already`);
    this.joined.add(group);
    const fd = createBell();
    return {
      group,
      fd,
      close: () => {
        this.joined.delete(group);
        closeFd(fd);
      },
    };
  }

  readLost(): number {
    return 0;
  }
}

/** What an answer holds is the test's question, so any key and any index may be asked for. */
export type Json = { readonly [key: string]: Json } & readonly Json[];

export interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
  readonly body: Json;
  readonly headers: Readonly<Record<string, unknown>>;
}

export class Api {
  private constructor(
    readonly app: FastifyInstance,
    readonly fixture: Fixture,
    readonly devices: FakeDevices,
    readonly groups: FakeGroups,
    readonly changes: Changes,
  ) {}

  static async create(options: Partial<TablesOptions> = {}): Promise<Api> {
    const fixture = await createFixture({ workers: WORKERS, ...options });
    const { tables, memory } = fixture;
    const [devices, groups] = [new FakeDevices(), new FakeGroups()];
    const epolls = Array.from({ length: WORKERS }, () => createEpoll());
    const workers = { count: WORKERS, epoll: (worker: number) => epolls[worker] };
    const offloads = { isAllowed: true, portOpened: () => {} };
    const ports = new PortDevices(tables, workers, offloads, undefined, devices.openDevice);
    const underlay = new UnderlaySockets(groups, workers, tables.epochs);
    const overlay = new Overlay(tables, ports, underlay, DEFAULT_MTU);
    const changes = new Changes(tables, overlay, ports);
    const { running } = await createFakeDaemon();
    const config = {
      ...running.config,
      workers: WORKERS,
      underlay: { ...running.config.underlay, interface: "under0" },
      fdb: { ...running.config.fdb, capacity: tables.fdbCapacity },
    };
    const app = makeApi({ ...running, config, tables, memory, overlay, ports, underlay }, changes);
    await app.ready();
    onTestFinished(async () => {
      await app.close();
      for (const epoll of epolls) closeFd(epoll);
    });
    return new Api(app, fixture, devices, groups, changes);
  }

  async ask(method: "GET" | "PUT" | "DELETE" | "POST", url: string, body?: unknown, more: InjectOptions = {}) {
    const payload = body === undefined ? {} : { payload: body as object };
    const answer = await this.app.inject({ method, url, ...payload, ...more });
    const type = answer.headers["content-type"]?.toString();
    const isJson = type?.includes("json") && !type.includes("ndjson");
    const parsed = isJson ? JSON.parse(answer.body) : undefined;
    return { status: answer.statusCode, type, text: answer.body, body: parsed, headers: answer.headers } as Answer;
  }

  /** Serves on a TCP port, for what cannot be injected; returns it. */
  async listen(): Promise<number> {
    return Number(new URL(await this.app.listen({ port: 0, host: "127.0.0.1" })).port);
  }

  get = (url: string, more?: InjectOptions) => this.ask("GET", url, undefined, more);
  put = (url: string, body?: unknown, more?: InjectOptions) => this.ask("PUT", url, body, more);
  post = (url: string, body?: unknown) => this.ask("POST", url, body);
  delete = (url: string) => this.ask("DELETE", url);

  /** Everything that a request may change, once the dead are buried. */
  state(): unknown {
    settle(this.fixture);
    const { tables, memory } = this.fixture;
    const networks = [...tables.networks].map((network) => ({
      id: network.id,
      spec: network.spec,
      ports: [...network.ports.values()],
      staticVteps: [...network.staticVteps],
      flood: floodList(this.fixture, network.id),
      sources: [...network.reach.sources].sort(),
      record: [...memory.u32.slice(recordOf(network.id), recordOf(network.id) + L.NETWORK_FLOOD_LIST / 4)],
    }));
    const entries = [...tables.fdb.entries(0, tables.fdb.bucketCount)].map(({ mac, network, kind, id, flags }) =>
      [Buffer.from(mac).toString("hex"), network, kind, id, flags].join(" "),
    );
    return structuredClone({
      networks,
      entries: entries.sort(),
      vteps: [...tables.vteps.ids()].map((id) => [tables.vteps.address(id), tables.vteps.flags(id)]),
      lists: tables.lists.count,
      waiting: tables.undertaker.waiting,
      devices: [...this.devices.open.values()],
      groups: [...this.groups.joined],
    });
  }
}

/** Index of a network's record. */
function recordOf(network: number): number {
  return (L.NETWORKS + network * L.NETWORK_SIZE) / 4;
}
