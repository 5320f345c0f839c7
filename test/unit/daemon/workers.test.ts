// Real worker threads on a UDP socket of the loopback: they start, serve, stop, and come back after a fault.

import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseAddress } from "../../../control/address.js";
import { Workers } from "../../../control/daemon/workers.js";
import { compileDataplane } from "../../../control/dataplane.js";
import { closeFd, EPOLL_UNDERLAY, epollAdd } from "../../../control/linux/index.js";
import { openReceiveSocket } from "../../../control/linux/sockets.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { address, createFixture, type Fixture, frame, spec, vxlan } from "../tables/fixture.js";

const PORT = 40_000 + (process.pid % 20_000);
const SOURCE = "127.0.0.1";
/** Nothing is sent here. */
const UNDERLAYS = [0, 1].map(() => ({ kind: "udp" as const, sendFd: 0, isIpv6: false, trainSockets: 8 }));

let fixture: Fixture;
let workers: Workers;
let fd: number;
let network: number;
beforeEach(async () => {
  fixture = await createFixture({ workers: 2 });
  network = fixture.tables.networks.add(spec(100, { vteps: [SOURCE] })).id;
  const { memory, dataplane } = fixture;
  workers = new Workers(memory, await compileDataplane(), dataplane, 2, pino({ level: "silent" }));
  fd = openReceiveSocket({ local: parseAddress(SOURCE) ?? new Uint8Array(16), port: PORT, join: false });
  epollAdd(workers.epoll(0), fd, EPOLL_UNDERLAY, fd);
});
afterEach(async () => {
  await workers.stop();
  closeFd(fd);
});

async function send(from: string): Promise<void> {
  const socket = createSocket("udp4");
  const bytes = vxlan(100, frame(from, "02:00:00:00:00:01"));
  await new Promise((resolve) => socket.send(bytes, PORT, SOURCE, resolve));
  await new Promise<void>((resolve) => socket.close(resolve));
}

const learned = () => fixture.tables.counters.network(network, L.COUNTER_LEARNED);
const pointerOf = (vtep: number) => (L.VTEP_POINTERS + vtep * 4) / 4;

describe("workers", () => {
  it("wait in epoll, serve, and stop", async () => {
    await workers.start(UNDERLAYS, 0);
    await expect.poll(() => [workers.state(0), workers.state(1)]).toEqual(["asleep", "asleep"]);
    await send("02:00:00:00:00:02");
    await expect.poll(learned).toBe(1);
    const heartbeat = fixture.memory.u32[contextIndex(0, L.CONTEXT_HEARTBEAT)];
    expect(heartbeat).toBeGreaterThan(0);
    await workers.stop();
    expect(workers.count).toBe(0);
    expect(workers.epoll(0)).toBe(-1); // what is closed later takes its descriptors out of no set
    expect(fixture.memory.u32[contextIndex(0, L.CONTEXT_STATE)]).toBe(L.WORKER_STATE_ABSENT);
  });

  it("are started again after a fault, with their locks released and the others undisturbed", async () => {
    await workers.start(UNDERLAYS, 0);
    const { memory, tables } = fixture;
    const vtep = tables.vteps.find(address(SOURCE));
    const good = memory.u32[pointerOf(vtep)];
    memory.u32[L.FDB_LOCKS / 4 + 5] = 1; // as worker 0 leaves it when it dies inside
    memory.u32[L.FDB_LOCKS / 4 + 6] = 2; // worker 1 lives
    memory.u32[pointerOf(vtep)] = 0xfffffff0; // outside of the memory: the next look at it traps
    await send("02:00:00:00:00:02");
    await expect.poll(() => workers.restarts(0)).toBe(1);
    memory.u32[pointerOf(vtep)] = good;
    await expect.poll(() => workers.state(0)).toBe("asleep");
    expect([memory.u32[L.FDB_LOCKS / 4 + 5], memory.u32[L.FDB_LOCKS / 4 + 6]]).toEqual([0, 2]);
    await send("02:00:00:00:00:03");
    await expect.poll(learned).toBe(1);
    expect([workers.restarts(0), workers.restarts(1)]).toEqual([1, 0]);
  });

  it("are given up when they fail again and again", async () => {
    const { memory, tables } = fixture;
    memory.u32[pointerOf(tables.vteps.find(address(SOURCE)))] = 0xfffffff0;
    await workers.start(UNDERLAYS, 0);
    const sending = new AbortController();
    const keepSending = (async () => {
      while (!sending.signal.aborted) {
        await send("02:00:00:00:00:02");
        await sleep(20);
      }
    })();
    const error = await workers.failed;
    sending.abort();
    await keepSending;
    expect(error.message).toMatch(/^worker 0 keeps failing: .*out of bounds/);
    expect(workers.restarts(0)).toBe(5);
    await expect.poll(() => workers.state(1)).toBe("asleep");
  });
});
