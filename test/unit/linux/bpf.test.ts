// The assembler of eBPF programs, against encodings written by hand from the kernel's documentation of the instruction
// set.

import { describe, expect, test } from "vitest";
import {
  add,
  alu,
  assemble,
  call,
  exit,
  jump,
  jumpIf,
  jumpIf32,
  label,
  load,
  loadMap,
  move,
  R0,
  R1,
  R2,
  R3,
  R6,
  R10,
  store,
  toWireOrder,
} from "../../../control/linux/bpf-assembler.js";

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/.{16}(?=.)/g, "$& ");

describe("one instruction", () => {
  test.each([
    ["move an immediate", move(R0, -1), "b7000000ffffffff"],
    ["move a register", move(R6, R1), "bf16000000000000"],
    ["add", add(R3, -34), "07030000deffffff"],
    ["shift right", alu("rsh", R2, R1), "7f12000000000000"],
    ["load a byte", load(8, R1, R10, -23), "71a1e9ff00000000"],
    ["load a half-word", load(16, R1, R10, -34), "69a1deff00000000"],
    ["load a word", load(32, R1, R2, 4), "6121040000000000"],
    ["load a double word", load(64, R0, R6, 256), "7960000100000000"],
    ["store a register", store(32, R10, -4, R2), "632afcff00000000"],
    ["store an immediate", store(64, R10, -8, 7), "7a0af8ff07000000"],
    ["to wire order", toWireOrder(16, R1), "dc01000010000000"],
    ["load a map", loadMap(R1, 9), "1811000009000000 0000000000000000"],
    ["call", call(23), "8500000017000000"],
    ["exit", exit(), "9500000000000000"],
  ])("%s", (_, line, expected) => {
    expect(hex(assemble([line]))).toBe(expected);
  });
});

test("jumps count instructions, two for a map, none for a label", () => {
  const program = assemble([
    jumpIf(R1, "==", 5, "end"),
    loadMap(R1, 3),
    label("loop"),
    jumpIf32(R2, "!=", 0xc0000201, "loop"),
    jump("end"),
    label("end"),
    exit(),
  ]);
  expect(hex(program)).toBe(
    "1501040005000000 1811000003000000 0000000000000000 5602ffff010200c0 0500000000000000 9500000000000000",
  );
});

test("a label has to be there, once", () => {
  expect(() => assemble([jump("nowhere")])).toThrow(/no label nowhere/);
  expect(() => assemble([label("a"), label("a")])).toThrow(/label a is there twice/);
});
