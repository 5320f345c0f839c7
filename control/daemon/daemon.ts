// The daemon: puts memory, tables, sockets, interfaces, workers, timers, API and metrics together in this order, and
// takes them apart in the opposite one. It is ready when frames flow: interfaces up, every worker in epoll.
//
// A start that fails undoes what it has made, so nothing is left behind, and what it throws is the reason.

import { availableParallelism } from "node:os";
import type { Logger } from "pino";
import { WORKERS_MAX } from "../../dataplane-wasm/layout.js";
import { formatAddress, parseAddress } from "../address.js";
import type { Config } from "../config/types.js";
import { compileDataplane, instantiateDataplane } from "../dataplane.js";
import { TRAIN_SOCKETS_MAX } from "../drivers/io-tables.js";
import { VxlaneError } from "../errors.js";
import { baseAddress, LinkEvents, listInterfaces, lookUpMtu, openUnderlay } from "../linux/index.js";
import { Netlink } from "../linux/netlink.js";
import { createMemory } from "../memory.js";
import { overheadOf } from "../overhead.js";
import { Tables } from "../tables/tables.js";
import { Changes } from "./changes.js";
import { Cleanup } from "./cleanup.js";
import { DampingReport } from "./damping.js";
import { NarrowPaths } from "./narrow-paths.js";
import { Offloads } from "./offloads.js";
import { Overlay } from "./overlay.js";
import { PathMtu } from "./path-mtu.js";
import { PortDevices } from "./port-devices.js";
import { Problems } from "./problems.js";
import type { Running } from "./running.js";
import { TapRings } from "./tap-rings.js";
import { startTimers } from "./timers.js";
import { TooBigReport } from "./too-big.js";
import { useTrains } from "./trains.js";
import { TunnelUnderlay } from "./tunnel-underlay.js";
import { chooseUnderlay } from "./underlay-choice.js";
import { tellNarrow } from "./underlay-mtu.js";
import { UnderlaySockets } from "./underlay-sockets.js";
import { Watch } from "./watch.js";
import { Workers } from "./workers.js";
import { XdpSockets } from "./xdp-sockets.js";
import { XdpUnderlayControl } from "./xdp-underlay.js";

/** The VXLAN header's reserved bits, as its 8 bytes load little-endian: all but I and the VNI. */
const RESERVED_BITS = 0xff00_0000_ffff_fff7n;

export interface Daemon {
  readonly ready: { readonly api: string; readonly metrics: string };
  /** Stops everything and removes what was made; further calls wait for the first. @throws if something could not be removed */
  stop(): Promise<void>;
  /** Settles when the daemon cannot go on; it still wants to be stopped. */
  readonly failed: Promise<Error>;
}

/** Starts a daemon from a config that has been checked. @throws VxlaneError, SyscallError, having undone everything */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const cleanup = new Cleanup();
  try {
    return await start(config, log, cleanup);
  } catch (error) {
    await cleanup.run(log);
    throw error;
  }
}

async function start(config: Config, log: Logger, cleanup: Cleanup): Promise<Daemon> {
  const startMs = performance.now();
  const memory = createMemory();
  const module = await compileDataplane();
  const dataplane = await instantiateDataplane(module, memory.memory);
  const workerCount = config.workers === "auto" ? Math.min(availableParallelism(), WORKERS_MAX) : config.workers;
  const isIpv6 = config.local.includes(":");
  const outerChecksum = isIpv6 || config.underlay.checksum !== "off";
  const tables = new Tables(memory, dataplane, {
    local: parseAddress(config.local) ?? new Uint8Array(16),
    port: config.port,
    sourcePorts: config.sourcePorts,
    outerChecksum,
    reservedMask: config.reservedBits === "strict" ? RESERVED_BITS : 0n,
    fdbCapacity: config.fdb.capacity,
    damping: config.fdb.damping,
    workers: workerCount,
    base: baseAddress(memory),
  });

  const { port, local } = config;
  const underlayInterface = config.underlay.interface;
  const sockets = openUnderlay({
    local,
    port,
    workers: workerCount,
    ...(underlayInterface === undefined ? {} : { interface: underlayInterface }),
  });
  let tunnel: TunnelUnderlay | undefined;
  cleanup.add("close the underlay", () => {
    tunnel?.close();
    sockets.close();
  });
  const workers = new Workers(memory, module, dataplane, workerCount, log);
  const offloads = new Offloads(memory, log, { isAllowed: config.offloads !== "off", outerChecksum });
  const xdp = new XdpSockets(memory, dataplane, workers, tables.epochs, config.offloads !== "off");
  const ports = new PortDevices(tables, workers, offloads, xdp);
  const tapRings = new TapRings(memory);
  const problems = new Problems(log);
  // Only workers that have stopped let go of descriptors, so these go together.
  cleanup.add("stop the workers", async () => {
    await workers.stop();
    tapRings.close();
    tables.epochs.reclaim();
    xdp.closeAll();
    ports.releaseAll();
    tables.epochs.reclaim();
  });
  tapRings.open(workerCount, offloads);
  const underlay = new UnderlaySockets(sockets, workers, tables.epochs);
  const tunnelOptions = {
    local: parseAddress(local) ?? new Uint8Array(16),
    port,
    interface: underlayInterface,
    offloads: config.offloads === "auto",
  };
  const around = { memory, vteps: tables.vteps, workers, problems, offloads, log };
  const choice = chooseUnderlay(config, () => new TunnelUnderlay(tunnelOptions, around, listInterfaces()), log);
  tunnel = choice.made;
  const openXdpUnderlay = () => {
    const made = new XdpUnderlayControl(tunnelOptions, { ...around, dataplane, tables, xdp, offloads });
    cleanup.add("close the next hops", () => made.close());
    return made;
  };
  const ring = choice.driver === "xdp" ? openXdpUnderlay() : undefined;
  await useTrains(offloads, sockets, ring === undefined ? undefined : "the rings of xdp take single frames");
  const events = new LinkEvents(undefined, tunnel === undefined ? "links" : "routes");
  cleanup.add("close the link events", () => events.close());
  const pathMtu = new PathMtu(tunnelOptions.local, port);
  cleanup.add("close the ICMP socket", () => pathMtu.close());
  const routes = new Netlink();
  cleanup.add("close the route look-ups", () => routes.close());
  const narrowPaths = new NarrowPaths(tables, (address) => lookUpMtu(routes, address, tunnelOptions.local));
  const { stateDir } = config;
  const onUnderlayMtu = (mtu: number) => {
    const inside = innerMtu(mtu, isIpv6);
    overlay.setDefaultMtu(inside);
    narrowPaths.setInterfaceNarrow(tellNarrow(tables.networks, inside, problems));
  };
  const watch = new Watch(
    { local, interface: underlayInterface, stateDir },
    { ports, underlay, problems, events, tunnel, ring, onUnderlayMtu },
  );
  const tooBig = new TooBigReport(xdp, problems);
  const damping = new DampingReport(tables, problems, log);
  const onTick = () => {
    damping.tick();
    workers.endHung();
    workers.measureBusy((worker) => tables.counters.busyNs(worker));
    xdp.reconcile();
    ring?.tick(performance.now());
    watch.tick(performance.now());
    tooBig.tick(performance.now());
    offloads.tick();
    if (pathMtu.tick(performance.now())) {
      tunnel?.check(listInterfaces());
      ring?.recheckPaths();
    }
    narrowPaths.tick(performance.now(), pathMtu.told());
  };
  cleanup.add("stop the timers", startTimers(tables, log, onTick));
  const overlay = new Overlay(tables, ports, underlay, defaultMtu(local, isIpv6));
  for (const network of config.networks) overlay.add(network);
  tunnel?.check(listInterfaces());
  ring?.tick(performance.now());
  // The threads start beside the main thread's slowest part, the loading of the two servers.
  const [{ startApi }, { keepServing }] = await Promise.all([
    import("../api/server.js"),
    import("../metrics/keep.js"),
    workers.start(
      sockets.sendFds.map((sendFd, worker) => {
        const options = { sendFd, isIpv6, trainSockets: Math.floor(TRAIN_SOCKETS_MAX / workerCount) };
        return tunnel === undefined
          ? { kind: ring === undefined ? "udp" : "xdp", ...options }
          : { kind: "tap", queueFd: tunnel.queueFds[worker], ...options };
      }),
      config.busyPoll,
      tapRings.rings,
    ),
  ]);

  const running: Running = {
    config: {
      ...config,
      underlay: {
        ...config.underlay,
        driver: choice.driver,
        ...(tunnel === undefined ? {} : { interface: tunnel.interface }),
        ...(ring === undefined ? {} : { interface: ring.interface }),
      },
    },
    startMs,
    memory,
    tables,
    workers,
    overlay,
    ports,
    underlay: {
      readLost: () => underlay.readLost() + (tunnel?.readLost() ?? 0) + (ring?.readLost() ?? 0),
      reason: choice.reason,
      get interface() {
        return tunnel?.interface ?? ring?.interface;
      },
    },
    problems,
    xdp,
    offloads,
    log,
  };
  const api = await startApi(running, new Changes(tables, overlay, ports));
  cleanup.add("close the API", () => api.close());
  const metrics = await keepServing(running, problems);
  cleanup.add("close the metrics", () => metrics.close());

  const elapsedMs = Math.round(performance.now() - startMs);
  log.info({ local, port, workers: workerCount, networks: config.networks.length, elapsedMs }, "ready");
  let stopped: Promise<void> | undefined;
  return {
    ready: { api: api.address, metrics: metrics.address },
    stop() {
      stopped ??= cleanup.run(log).then((isClean) => {
        if (!isClean) throw new VxlaneError("ERR_FAILURE", "not everything could be removed, see the log");
      });
      return stopped;
    },
    failed: workers.failed,
  };
}

/** What the interface that has the local address leaves for an inner packet. */
function defaultMtu(local: string, isIpv6: boolean): number {
  const owner = listInterfaces().find(({ addresses }) =>
    addresses.some(({ address }) => formatAddress(address) === local),
  );
  if (owner === undefined) throw new VxlaneError("ERR_HOST_ADDRESS", `this host does not have the address ${local}`);
  return innerMtu(owner.mtu, isIpv6);
}

function innerMtu(underlayMtu: number, isIpv6: boolean): number {
  return Math.min(underlayMtu, 65535) - overheadOf(isIpv6);
}
