// The memory map: regions follow each other without overlap, records are whole cache lines, and what different threads
// write never shares a line.

import { describe, expect, it } from "vitest";
import { DROP_COUNT, DROP_WITHOUT_NETWORK, Drop } from "../../../dataplane-wasm/drop.js";
import * as L from "../../../dataplane-wasm/layout.js";

const REGIONS: readonly (readonly [string, number, number])[] = [
  ["SYSTEM", L.SYSTEM, L.SYSTEM_END],
  ["FDB", L.FDB, L.FDB_END],
  ["FDB_LOCKS", L.FDB_LOCKS, L.FDB_LOCKS_END],
  ["VNI_TABLE", L.VNI_TABLE, L.VNI_TABLE_END],
  ["NETWORKS", L.NETWORKS, L.NETWORKS_END],
  ["ATTACHMENTS", L.ATTACHMENTS, L.ATTACHMENTS_END],
  ["PORT_QUEUES", L.PORT_QUEUES, L.PORT_QUEUES_END],
  ["VTEP_POINTERS", L.VTEP_POINTERS, L.VTEP_POINTERS_END],
  ["VTEP_RECORDS", L.VTEP_RECORDS, L.VTEP_RECORDS_END],
  ["VTEP_INDEX", L.VTEP_INDEX, L.VTEP_INDEX_END],
  ["ACCESS", L.ACCESS, L.ACCESS_END],
  ["LISTS", L.LISTS, L.LISTS_END],
  ["EVENTS", L.EVENTS, L.EVENTS_END],
  ["WORKERS", L.WORKERS, L.WORKERS_END],
  ["BUFFERS", L.BUFFERS, L.BUFFERS_END],
  ["SEGMENTS", L.SEGMENTS, L.SEGMENTS_END],
  ["XSK", L.XSK, L.XSK_END],
  ["NETWORK_COUNTERS", L.NETWORK_COUNTERS, L.NETWORK_COUNTERS_END],
  ["VTEP_COUNTERS", L.VTEP_COUNTERS, L.VTEP_COUNTERS_END],
  ["BATCHES", L.BATCHES, L.BATCHES_END],
];

/** Fields as (offset, bytes): none overlaps another, each is aligned to its size (16 at most), all lie in `size`. */
function expectFields(fields: readonly (readonly [number, number])[], size: number): void {
  const sorted = [...fields].sort((a, b) => a[0] - b[0]);
  let end = 0;
  for (const [at, length] of sorted) {
    expect(at).toBeGreaterThanOrEqual(end);
    if ([1, 2, 4, 8].includes(length)) expect(at % length).toBe(0);
    end = at + length;
  }
  expect(end).toBeLessThanOrEqual(size);
}

const line = (address: number) => Math.floor(address / L.CACHE_LINE);

describe("regions", () => {
  it.each(REGIONS)("%s starts and ends at a cache line", (_name, start, end) => {
    expect(start % L.CACHE_LINE).toBe(0);
    expect(end % L.CACHE_LINE).toBe(0);
    expect(end).toBeGreaterThan(start);
  });

  it("follow each other in order, page 0 stays empty, all fit 4 GiB", () => {
    expect(L.SYSTEM).toBe(L.PAGE);
    for (const [i, [, start]] of REGIONS.entries()) {
      if (i > 0) expect(start).toBeGreaterThanOrEqual(REGIONS[i - 1][2]);
    }
    expect(L.MEMORY_END).toBe(REGIONS[REGIONS.length - 1][2]);
    expect(L.MEMORY_PAGES * L.PAGE).toBeGreaterThanOrEqual(L.MEMORY_END);
    expect(L.MEMORY_PAGES).toBeLessThanOrEqual(65536);
  });

  it("every region of the layout is in this test", () => {
    const exported = Object.keys(L).filter((name) => name.endsWith("_END") && name !== "MEMORY_END");
    expect(exported.sort()).toEqual(REGIONS.map(([name]) => `${name}_END`).sort());
  });
});

describe("records", () => {
  it.each([
    ["an FDB bucket", L.FDB_BUCKET_SIZE],
    ["a network", L.NETWORK_SIZE],
    ["an attachment", L.ATTACHMENT_SIZE],
    ["a VTEP record", L.VTEP_RECORD_SIZE],
    ["an event ring", L.EVENT_RING_SIZE],
    ["a worker's slot", L.WORKER_SIZE],
    ["a worker's context", L.CONTEXT_SIZE],
    ["a descriptor", L.DESC_SIZE],
    ["a header slot", L.HEADER_SLOT_SIZE],
    ["a packet buffer", L.BUFFER_SIZE],
    ["a worker's network counters", L.NETWORK_COUNTERS_WORKER],
    ["a row of network counters", L.NETWORK_COUNTERS_SIZE],
    ["a worker's VTEP counters", L.VTEP_COUNTERS_WORKER],
    ["a row of VTEP counters", L.VTEP_COUNTERS_SIZE],
    ["a worker's batch histogram", L.BATCHES_SIZE],
    ["a port's queues", L.PORT_QUEUES_SIZE],
  ])("%s is whole cache lines", (_name, size) => {
    expect(size % L.CACHE_LINE).toBe(0);
  });

  it("buffers spread over the cache sets and hold the largest frame", () => {
    expect((L.BUFFER_SIZE / L.CACHE_LINE) % 2).toBe(1);
    expect(L.HEADROOM + L.FRAME_MAX).toBeLessThanOrEqual(L.BUFFER_SIZE);
  });

  it("the fields of a descriptor do not overlap", () => {
    expectFields(
      [
        [L.DESC_HEADER_PTR, 4],
        [L.DESC_HEADER_LEN, 4],
        [L.DESC_PAYLOAD_PTR, 4],
        [L.DESC_PAYLOAD_LEN, 4],
        [L.DESC_BUFFER_PTR, 4],
        [L.DESC_ATTACHMENT, 4],
        [L.DESC_NETWORK, 2],
        [L.DESC_GROUP, 2],
        [L.DESC_OUTER_PORT, 2],
        [L.DESC_OUTER_TOS, 1],
        [L.DESC_OUTER_TTL, 1],
        [L.DESC_OUTER_ADDRESS, 16],
        [L.DESC_VERDICT, 1],
        [L.DESC_DROP, 1],
        [L.DESC_FLAGS, 2],
        [L.DESC_ENTRY, 4],
        [L.DESC_TARGET, 4],
        [L.DESC_TARGET_KIND, 1],
        [L.DESC_RESULT, 1],
        [L.DESC_ORIGIN, 2],
        [L.DESC_VIRTIO, L.VIRTIO_LEN],
        [L.DESC_INNER, 8],
        [L.DESC_PAYLOAD_SUM, 8],
        [L.DESC_FLOOD_LIST, 4],
        [L.DESC_SOURCE_VTEP, 4],
        [L.DESC_COPIES, 4],
        [L.DESC_SEGMENTS, 2],
        [L.DESC_SEGMENT_HEADERS, 2],
        [L.DESC_CHAIN, 2],
        [L.DESC_TRAIN_SIZE, 2],
        [L.DESC_FAILED, 2],
        [L.DESC_TRAIN_SEGMENTS, 2],
      ],
      L.DESC_SIZE,
    );
  });

  it("what an output has in place of an input's fields does not overlap", () => {
    const end = L.DESC_FLOOD_LIST - L.DESC_PIECES;
    expectFields(
      [
        [0, 4],
        [L.DESC_PIECE_COUNT - L.DESC_PIECES, 2],
        [L.DESC_CHAIN_TAIL - L.DESC_PIECES, 2],
        [L.DESC_PIECES_LEN - L.DESC_PIECES, 4],
        [L.DESC_DATAGRAMS - L.DESC_PIECES, 2],
      ],
      end,
    );
  });

  it("the fields of an open chain do not overlap", () => {
    expectFields(
      [
        [L.CHAIN_FLOW, 8],
        [L.CHAIN_HEAD, 4],
        [L.CHAIN_TAIL, 4],
        [L.CHAIN_SEGMENT, 4],
        [L.CHAIN_SEQ, 4],
        [L.CHAIN_LEN, 4],
        [L.CHAIN_COUNT, 4],
        [L.CHAIN_CHECKED, 4],
      ],
      L.CHAIN_SIZE,
    );
  });

  it("frames and rings of AF_XDP lie on pages", () => {
    for (const start of [L.XSK, L.XSK + L.UMEM_SIZE, L.XSK + L.XSK_SIZE]) expect(start % L.PAGE).toBe(0);
  });

  it("an AF_XDP state fits its page, sockets have lines of their own, rings fit the region", () => {
    expect(L.XSK_STATE_USED).toBeLessThanOrEqual(L.XSK_STATE_SIZE);
    expect(L.XSK_SOCKETS % L.CACHE_LINE).toBe(0);
    expect(L.XSK_SOCKET_SIZE % L.CACHE_LINE).toBe(0);
    expect(line(L.XSK_SOCKET_DOWN)).not.toBe(line(L.XSK_DONE));
    expect(L.XSK_RINGS + L.XSK_SOCKETS_MAX * L.XSK_SOCKET_RINGS_SIZE).toBeLessThanOrEqual(L.XSK_SIZE);
    expect(L.UMEM_SIZE >>> L.XSK_FRAME_SHIFT_MIN).toBe(L.XSK_FRAMES_MAX);
  });

  it("the fields of a network do not overlap, and its counts have a line of their own", () => {
    expectFields(
      [
        [L.NETWORK_FLAGS, 4],
        [L.NETWORK_VNI, 4],
        [L.NETWORK_FEATURES, 4],
        [L.NETWORK_MTU, 4],
        [L.NETWORK_AGEING, 4],
        [L.NETWORK_FLOOD_LIST, 4],
        [L.NETWORK_LEARN_LIMIT, 4],
        [L.NETWORK_PREFIXES, 4],
        [L.NETWORK_TUNNEL_HEADER, 8],
        [L.NETWORK_GENERATION, 4],
        [L.NETWORK_PLAIN_MTU, 4],
        [L.NETWORK_LEARNED, 4],
        [L.NETWORK_STATIC, 4],
      ],
      L.NETWORK_SIZE,
    );
    expect(line(L.NETWORK_LEARNED)).toBe(line(L.NETWORK_STATIC));
    expect(line(L.NETWORK_LEARNED)).not.toBe(line(L.NETWORK_GENERATION));
  });

  it("the fields of a VTEP record do not overlap", () => {
    expectFields(
      [
        [L.VTEP_ADDRESS, 16],
        [L.VTEP_ID, 4],
        [L.VTEP_FLAGS, 4],
        [L.VTEP_UNDERLAY, 4],
        [L.VTEP_OUTER_LEN, 4],
        [L.VTEP_PSEUDO_SUM, 4],
        [L.VTEP_NEXT_HOP, 6],
        [L.VTEP_FRAME_MAX, 4],
        [L.VTEP_OUTER, L.VTEP_OUTER_SIZE],
      ],
      L.VTEP_RECORD_SIZE,
    );
  });

  it("the parts of a worker's slot do not overlap", () => {
    expectFields(
      [
        [0, L.CONTEXT_SIZE],
        [L.WORKER_INPUTS, L.INPUTS_MAX * L.DESC_SIZE],
        [L.WORKER_OUTPUTS, L.OUTPUTS_MAX * L.DESC_SIZE],
        [L.WORKER_HEADERS, L.OUTPUTS_MAX * L.HEADER_SLOT_SIZE],
        [L.WORKER_PIECES, L.PIECES_MAX * L.PIECE_SIZE],
        [L.WORKER_CHAINS, L.CHAINS_MAX * L.CHAIN_SIZE],
        [L.WORKER_IO, L.WORKER_IO_SIZE],
      ],
      L.WORKER_SIZE,
    );
  });

  it("a row of network counters holds every drop reason behind the counters", () => {
    const counters = Object.entries(L).filter(([name]) => /^COUNTER_(?!DROPS)/.test(name));
    expectFields(
      [...counters.map(([, at]) => [Number(at), 8] as const), [L.COUNTER_DROPS, DROP_COUNT * 8]],
      L.NETWORK_COUNTERS_SIZE,
    );
  });
});

describe("lines of different writers", () => {
  it("differ in the system page", () => {
    const writers = [
      L.SYSTEM,
      L.SYSTEM_CLOCK,
      L.SYSTEM_EPOCH,
      L.SYSTEM_FDB_COUNT,
      L.SYSTEM_VTEP_LOCK,
      L.SYSTEM_OFFLOADS,
      L.CONSTANTS,
      L.KICK_SEQ,
    ];
    expect(new Set(writers.map(line)).size).toBe(writers.length);
    for (const [name, value] of Object.entries(L)) {
      const configured =
        /^SYSTEM_(FDB_BUCKET_MASK|FDB_CAPACITY|FDB_SEED|SRC_PORT|OUTER|RESERVED|PREFIXES|LOCAL|UDP_PORT|BASE)/;
      if (configured.test(name)) expect(Number(value)).toBeLessThan(L.SYSTEM_CLOCK);
    }
    expect(L.KICK_SEQ + L.KICK_SEQ_STRIPES * 4).toBeLessThanOrEqual(L.CRC_TABLE);
    expect(L.CRC_TABLE + L.CRC_TABLE_SIZE).toBeLessThanOrEqual(L.SYSTEM_END);
    expect(L.CONSTANTS + L.CONSTANTS_SIZE).toBeLessThanOrEqual(L.KICK_SEQ);
  });

  it("differ in an event ring", () => {
    expect(line(L.EVENT_HEAD)).toBe(line(L.EVENT_LOST));
    expect(line(L.EVENT_TAIL)).not.toBe(line(L.EVENT_HEAD));
    expect(line(L.EVENT_RECORDS)).toBeGreaterThan(line(L.EVENT_TAIL));
    expect(Math.log2(L.EVENT_RING) % 1).toBe(0);
  });

  it("differ in a worker's context", () => {
    const mine = [L.CONTEXT_PENDING, L.CONTEXT_NEXT, L.CONTEXT_FLOOD, L.CONTEXT_FLAGS, L.CONTEXT_ICMP_SENT];
    const shown = [L.CONTEXT_EPOCH, L.CONTEXT_STATE, L.CONTEXT_BUSY_NS, L.CONTEXT_HEARTBEAT];
    const controls = [L.CONTEXT_COMMAND];
    const lines = [mine, shown, controls, [L.CONTEXT_SCRATCH]].map((fields) => new Set(fields.map(line)));
    for (const [i, one] of lines.entries()) {
      expect(one.size).toBe(1);
      for (const other of lines.slice(i + 1)) expect([...other].some((at) => one.has(at))).toBe(false);
    }
  });
});

describe("the drop list", () => {
  it("has one member for each value, and they fit a byte", () => {
    const values = Object.values(Drop).filter((value) => typeof value === "number");
    expect(values).toEqual(Array.from({ length: DROP_COUNT }, (_, i) => i));
    expect(DROP_COUNT).toBeLessThan(256);
  });

  it("names a direction in every member, and the network is known in all behind the first", () => {
    for (const [name, value] of Object.entries(Drop)) {
      if (typeof value !== "number" || value === Drop.None) continue;
      expect(name).toMatch(/^(Encap|Decap)[A-Z]/);
      if (value <= DROP_WITHOUT_NETWORK) expect(name).toMatch(/^Decap/);
    }
  });
});
