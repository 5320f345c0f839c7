// One worker's rounds with the drivers' doubles: batches, order, fairness, pending outputs, and the loop around them.

import { beforeEach, describe, expect, it } from "vitest";
import { createBell, EPOLL_PORT, EPOLL_UNDERLAY, EPOLL_WAKE } from "../../../control/linux/index.js";
import { contextIndex } from "../../../control/tables/epochs.js";
import { BATCH, BUDGET, Engine } from "../../../control/worker/engine.js";
import { runLoop } from "../../../control/worker/loop.js";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  address,
  BROADCAST,
  createFixture,
  type Fixture,
  frame,
  portSpec,
  spec,
  vxlan,
  WORKER,
} from "../tables/fixture.js";

const OURS = "02:00:00:00:00:01";
const THEIRS = "02:00:00:00:00:02";

let fixture: Fixture;
let port: number;
let other: number;
let network: number;
beforeEach(async () => {
  fixture = await createFixture();
  const { tables } = fixture;
  network = tables.networks.add(spec(100, { vteps: ["10.0.0.2", "10.0.0.3"] })).id;
  const ports = tables.ports.add(100, [portSpec("a", OURS), portSpec("b", "02:00:00:00:00:11")]);
  [port, other] = ports.map(({ id }) => id);
});

const counter = (offset: number) => fixture.tables.counters.network(network, offset);

describe("a turn", () => {
  it("takes what is there, in order", () => {
    const { engine, ports, underlay } = fixture;
    for (let n = 0; n < 100; n++) ports.inject(port, frame(OURS, BROADCAST, n));
    expect(engine.servePort(port)).toBe(100);
    expect(engine.servePort(port)).toBe(0);
    const marks = (id: number) => underlay.sent.filter(({ target }) => target === id).map(({ payload }) => payload[20]);
    const ids = ["10.0.0.2", "10.0.0.3"].map((text) => fixture.tables.vteps.find(address(text)));
    for (const id of ids) expect(marks(id)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(ports.sent.map((sent) => sent.frame[20])).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(ports.sent.every((sent) => sent.port === other)).toBe(true);
  });

  it("ends when the budget is spent, and the rest stays for the next", () => {
    const { engine, underlay, ports } = fixture;
    const count = BUDGET + 44;
    for (let n = 0; n < count; n++) underlay.inject({ bytes: vxlan(100, frame(THEIRS, OURS, n)), address: "10.0.0.2" });
    expect(engine.serveUnderlay(0)).toBe(BUDGET);
    expect(ports.sent).toHaveLength(BUDGET);
    expect(engine.serveUnderlay(0)).toBe(44);
    expect(ports.sent.map((sent) => sent.frame[20])).toEqual(Array.from({ length: count }, (_, n) => n & 0xff));
  });

  it("sends every copy of a flood that does not fit into the outputs at once", () => {
    const { engine, ports, underlay, tables } = fixture;
    const many = Array.from({ length: 1000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`);
    tables.networks.replace(spec(100, { vteps: many }));
    for (let n = 0; n < BATCH; n++) ports.inject(port, frame(OURS, BROADCAST, n));
    engine.servePort(port);
    expect(underlay.sent).toHaveLength(1000 * BATCH);
    expect(new Set(underlay.sent.map(({ target, payload }) => target * 256 + payload[20])).size).toBe(1000 * BATCH);
    expect(counter(L.COUNTER_FRAMES_ENCAP) + counter(L.COUNTER_LOCAL)).toBe(BATCH);
  });

  it("sends equal frames for one VTEP as trains, and counts each of them", () => {
    const { engine, ports, underlay, memory } = fixture;
    fixture.tables.networks.replace(spec(100, { vteps: ["10.0.0.2"] }));
    memory.u32[L.SYSTEM_OFFLOADS / 4] = L.OFFLOAD_UDP_SEGMENT;
    for (let n = 0; n < 100; n++) ports.inject(port, frame(OURS, BROADCAST, n));
    const size = 8 + frame(OURS, BROADCAST).length;
    underlay.onSend = () => (underlay.sent.length === 0 ? L.SEND_OK : L.SEND_FULL);
    engine.servePort(port);
    expect(underlay.sent.map(({ trainSize, payload }) => [trainSize, payload.length])).toEqual([[size, 64 * size]]);
    const marks = Array.from({ length: 64 }, (_, n) => underlay.sent[0].payload[n * size + 8 + 20]);
    expect(marks).toEqual(Array.from({ length: 64 }, (_, n) => n));
    const vtep = fixture.tables.vteps.find(address("10.0.0.2"));
    const ofVtep = (offset: number) => fixture.tables.counters.vtep(vtep, offset);
    expect(ofVtep(L.VTEP_COUNTER_FRAMES_ENCAP)).toBe(64);
    expect(ofVtep(L.VTEP_COUNTER_DROPS_ENCAP)).toBe(36);
    expect(counter(L.COUNTER_RECEIVED_ENCAP)).toBe(100);
  });

  it("leaves so few frames alone as the driver sends better one by one", () => {
    const { ports, underlay, memory, dataplane } = fixture;
    fixture.tables.networks.replace(spec(100, { vteps: ["10.0.0.2"] }));
    memory.u32[L.SYSTEM_OFFLOADS / 4] = L.OFFLOAD_UDP_SEGMENT;
    const engine = new Engine(memory, dataplane, WORKER, ports, Object.assign(underlay, { trainMin: 3 }));
    const trainSizesOf = (count: number): number[] => {
      underlay.sent.length = 0;
      // One of the two outputs of a frame is the other port's.
      for (let n = 0; n < count; n++) ports.inject(port, frame(OURS, BROADCAST, n));
      engine.servePort(port);
      return underlay.sent.map(({ trainSize }) => trainSize);
    };
    expect(trainSizesOf(1)).toEqual([0]);
    expect(trainSizesOf(2)).toEqual([8 + frame(OURS, BROADCAST).length]);
  });

  it("counts what a driver could not send", () => {
    const { engine, ports, underlay } = fixture;
    underlay.onSend = () => L.SEND_FULL;
    ports.onSend = () => L.SEND_FULL;
    ports.inject(port, frame(OURS, THEIRS));
    engine.servePort(port);
    expect(counter(L.COUNTER_RECEIVED_ENCAP)).toBe(1);
    expect(counter(L.COUNTER_FRAMES_ENCAP)).toBe(0);
  });

  it("notes the sizes of its batches", () => {
    const { engine, ports, tables } = fixture;
    for (const size of [1, 2, 3, 5, 64]) {
      for (let n = 0; n < size; n++) ports.inject(port, frame(OURS, BROADCAST, n));
      engine.servePort(port);
    }
    expect(tables.counters.batches()).toEqual({ buckets: [1, 1, 1, 1, 0, 0, 1, 0, 0], sum: 75, count: 5 });
  });
});

describe("the loop", () => {
  /** Lets the loop see these rounds of ready tokens, then stops it as control does. */
  function run(rounds: [kind: number, id: number][][], during: (round: number) => void = () => {}): string[] {
    const { memory, engine } = fixture;
    const seen: string[] = [];
    const { u32 } = memory;
    const bell = createBell();
    let round = -1;
    runLoop(memory, engine, {
      worker: WORKER,
      epoll: -1,
      bell,
      busyPollUs: 0,
      onEmpty: (kind, id) => seen.push(`empty ${kind} ${id}`),
      ready: {
        wait: () => {
          expect(u32[contextIndex(WORKER, L.CONTEXT_STATE)]).toBe(L.WORKER_STATE_ASLEEP);
          round++;
          during(round);
          if (round === rounds.length) u32[contextIndex(WORKER, L.CONTEXT_COMMAND)] = L.WORKER_COMMAND_STOP;
          return rounds[round]?.length ?? 0;
        },
        kind: (index) => rounds[round][index][0],
        id: (index) => rounds[round][index][1],
      },
    });
    return seen;
  }

  it("serves what is ready, and tells what had nothing", () => {
    const { ports, underlay } = fixture;
    ports.inject(port, frame(OURS, BROADCAST));
    underlay.inject({ bytes: vxlan(100, frame(THEIRS, OURS)), address: "10.0.0.2" }, 5);
    const rounds: [number, number][][] = [
      [
        [EPOLL_PORT, port],
        [EPOLL_UNDERLAY, 5],
      ],
      [
        [EPOLL_WAKE, 0],
        [EPOLL_PORT, other],
      ],
    ];
    expect(run(rounds)).toEqual([`empty ${EPOLL_PORT} ${other}`]);
    expect(underlay.sent).toHaveLength(2);
    expect(ports.sent.map((sent) => sent.port)).toEqual([other, port]);
  });

  it("gives each source its turn before the first has its second", () => {
    const { ports, underlay } = fixture;
    for (let n = 0; n < 3 * BUDGET; n++) ports.inject(port, frame(OURS, THEIRS, 1));
    ports.inject(other, frame("02:00:00:00:00:11", THEIRS, 2));
    const round: [number, number][] = [
      [EPOLL_PORT, port],
      [EPOLL_PORT, other],
    ];
    run([round]);
    const marks = underlay.sent.map(({ payload }) => payload[20]);
    expect(marks.filter((mark) => mark === 1)).toHaveLength(2 * BUDGET); // a copy to each of two VTEPs
    expect(marks.filter((mark) => mark === 2)).toHaveLength(2);
  });

  it("publishes epoch, state, rounds and busy time", () => {
    const { memory, tables } = fixture;
    const epochs: number[] = [];
    const context = (field: number) => memory.u32[contextIndex(WORKER, field)];
    run([[], [], []], (round) => {
      if (round > 0) epochs.push(context(L.CONTEXT_EPOCH));
      if (round > 0) expect(context(L.CONTEXT_EPOCH)).toBe(memory.u32[L.SYSTEM_EPOCH / 4]);
      tables.epochs.bump();
    });
    expect(epochs).toEqual([epochs[0], epochs[0] + 1, epochs[0] + 2]);
    expect(context(L.CONTEXT_STATE)).toBe(L.WORKER_STATE_STOPPED);
    expect(context(L.CONTEXT_HEARTBEAT)).toBe(4);
    expect(tables.counters.busyNs(WORKER)).toBeGreaterThan(0);
  });
});
