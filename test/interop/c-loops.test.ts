// What the loops in C of the path suite do to a frame (bench/suites/path/frame.h), against the oracles: they stand beside vxlane as
// a limit, and a loop that forwarded something else would be none.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import koffi from "koffi";
import { afterAll, expect, test } from "vitest";
import { cut, superOf } from "../oracle/cut.js";
import { finish, PLAIN } from "../oracle/virtio.js";
import { concat, filler } from "../support/bytes.js";
import { ethernet, ipv4, udp } from "../support/frames.js";
import { plainSuper } from "../support/super.js";

const FOLDER = fileURLToPath(new URL("../../bench/suites/path", import.meta.url));
const VIRTIO_LEN = 24;
const [DST, SRC] = ["02:00:00:00:00:02", "02:00:00:00:00:01"];
const TCP_SEQ = 38;
const TCP_ACK = 42;
const TCP_FLAGS = 47;
const PSH = 8;

const DOOR = `
#include "frame.h"
int door_headers(uint8_t *bytes, int len) { return headers_of((struct frame){bytes, len}); }
int door_cut(uint8_t *bytes, int len, int size, int n, uint8_t *to) {
  struct frame frame = {bytes, len};
  return cut(frame, headers_of(frame), size, n, to);
}
int door_follows(uint8_t *head, int head_len, uint8_t *last, int last_len, uint8_t *next, int next_len) {
  struct frame first = {head, head_len};
  return follows(first, headers_of(first), (struct frame){last, last_len}, (struct frame){next, next_len});
}
void door_head(uint8_t *header, int headers, int total, int size, int flags, uint8_t *virtio) {
  struct virtio made = head_of(header, headers, total, size, flags);
  memcpy(virtio, &made, sizeof made);
}
void door_finish(uint8_t *packet, int len) { finish((struct frame){packet + VIRTIO_LEN, len}); }
`;

const folder = mkdtempSync(join(tmpdir(), "vxlane-test-loops-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const library = join(folder, "door.so");
const flags = ["-O2", "-march=native", "-std=gnu11", "-shared", "-fPIC", "-I", FOLDER, "-o", library, "-x", "c", "-"];
execFileSync("gcc", flags, { input: DOOR });
const door = koffi.load(library);
const headersOf = door.func("int door_headers(uint8_t *bytes, int len)");
const cutOne = door.func("int door_cut(uint8_t *bytes, int len, int size, int n, _Out_ uint8_t *to)");
const doesFollow = door.func(
  "int door_follows(uint8_t *head, int head_len, uint8_t *last, int last_len, uint8_t *next, int next_len)",
);
const makeHead = door.func(
  "void door_head(_Inout_ uint8_t *header, int headers, int total, int size, int flags, _Out_ uint8_t *virtio)",
);
const finishOne = door.func("void door_finish(_Inout_ uint8_t *packet, int len)");

const ROOM = 9216;
const supers = fc.record({ dataLen: fc.integer({ min: 2, max: 60_000 }), size: fc.integer({ min: 64, max: 8900 }) });

function segmentsOf(frame: Uint8Array, size: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => {
    const to = Buffer.alloc(ROOM, 0xa5);
    return to.subarray(0, Number(cutOne(frame, frame.length, size, n, to)));
  });
}

function follows(head: Uint8Array, last: Uint8Array, next: Uint8Array): boolean {
  return doesFollow(head, head.length, last, last.length, next, next.length) !== 0;
}

test.each(["loop", "tap-loop", "xdp-loop"])("%s compiles without a warning", (name) => {
  const program = join(folder, name);
  execFileSync("gcc", ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, join(FOLDER, `${name}.c`)]);
});

test("cuts a super-frame into what it stands for, and joins that again", () => {
  fc.assert(
    fc.property(supers, ({ dataLen, size }) => {
      const { frame, virtio } = plainSuper(DST, SRC, dataLen, size);
      const whole = superOf(frame, virtio);
      fc.pre(whole !== undefined);
      if (whole === undefined) return;
      const { headers } = whole;
      expect(headersOf(frame, frame.length)).toBe(headers);
      const expected = cut(frame, whole);
      const segments = segmentsOf(frame, size, expected.length);
      expect(segments.findIndex((segment, n) => !segment.equals(expected[n] as Uint8Array))).toBe(-1);

      const [first, ...others] = segments as [Buffer, ...Buffer[]];
      let before = first;
      for (const next of others) {
        expect(follows(first, before, next)).toBe(true);
        before = next;
      }
      const [header, told] = [Buffer.from(first.subarray(0, headers)), Buffer.alloc(VIRTIO_LEN)];
      makeHead(header, headers, dataLen, size, before[TCP_FLAGS], told);
      expect([told[0], told[1], ...[2, 4, 6, 8].map((at) => told.readUInt16LE(at))]).toEqual([
        ...[1, 1, headers, size, virtio.csumStart, virtio.csumOffset],
      ]);
      const joined = concat(header, ...segments.map((segment) => segment.subarray(headers)));
      expect(Buffer.compare(joined, frame)).toBe(0);
    }),
  );
});

test("what does not go on where the last one ended is not joined", () => {
  const { frame } = plainSuper(DST, SRC, 300, 100);
  const [first, second, third] = segmentsOf(frame, 100, 3) as [Buffer, Buffer, Buffer];
  const changed = (at: number, by = 1): Buffer => {
    const other = Buffer.from(second);
    other[at] = (other[at] ?? 0) ^ by;
    return other;
  };
  expect(follows(first, first, second)).toBe(true);
  expect(follows(first, first, third)).toBe(false);
  expect(follows(first, second, third)).toBe(true);
  const [ttl, dstAddress, srcPort] = [22, 33, 35];
  for (const at of [0, ttl, dstAddress, srcPort, TCP_SEQ, TCP_ACK])
    expect(follows(first, first, changed(at))).toBe(false);
  expect(follows(first, first, changed(TCP_FLAGS, PSH))).toBe(true);
  const pushed = Buffer.from(first);
  pushed[TCP_FLAGS] = (pushed[TCP_FLAGS] ?? 0) | PSH;
  expect(follows(pushed, pushed, second)).toBe(false);
});

test("finishes the checksum of a single frame", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1400 }), (dataLen) => {
      const segment = udp({ srcPort: 1000, dstPort: 2000 }, filler(dataLen, dataLen));
      const frame = ethernet(
        { dst: DST, src: SRC },
        ipv4({ src: "10.0.0.1", dst: "10.0.0.2", checksum: "unfinished" }, segment),
      );
      const virtio = { ...PLAIN, needsCsum: true, csumStart: 34, csumOffset: 6 };
      const header = Buffer.alloc(VIRTIO_LEN);
      header[0] = 1;
      header.writeUInt16LE(virtio.csumStart, 6);
      header.writeUInt16LE(virtio.csumOffset, 8);
      const packet = Buffer.concat([header, frame]);
      finishOne(packet, frame.length);
      expect(packet.subarray(VIRTIO_LEN)).toEqual(Buffer.from(finish(frame, virtio)));
    }),
  );
});
