// bpf(2) itself: programs, maps and their errors, against this machine's kernel.

import { afterEach, expect, test } from "vitest";
import {
  BPF_MAP_TYPE_HASH,
  BPF_PROG_TYPE_SOCKET_FILTER,
  createMap,
  deleteFromMap,
  loadProgram,
  lookUpMap,
  ProgramError,
  updateMap,
} from "../../control/linux/bpf.js";
import { assemble, exit, move, R0, R3 } from "../../control/linux/bpf-assembler.js";
import { closeFd } from "../../control/linux/index.js";

const open: number[] = [];
const keep = (fd: number) => {
  open.push(fd);
  return fd;
};
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

test("the kernel loads a program, and says why it refuses one", () => {
  const type = BPF_PROG_TYPE_SOCKET_FILTER;
  keep(loadProgram({ type, name: "vxlane_test", code: assemble([move(R0, 0), exit()]) }));
  const wrong = assemble([move(R0, R3), exit()]);
  expect(() => loadProgram({ type, name: "vxlane_wrong", code: wrong })).toThrow(
    /^BPF_PROG_LOAD vxlane_wrong: EACCES: .*R3 !read_ok/,
  );
  expect(() => loadProgram({ type, name: "vxlane_wrong", code: wrong })).toThrow(ProgramError);
});

test("a map keeps what it is given", () => {
  const map = keep(createMap({ type: BPF_MAP_TYPE_HASH, name: "vxlane_test", keySize: 4, valueSize: 8, entries: 2 }));
  const key = Buffer.from([1, 2, 3, 4]);
  const value = Buffer.alloc(8, 0xa5);
  expect(lookUpMap(map, key, value)).toBe(false);
  updateMap(map, key, Buffer.from("87654321"));
  expect(lookUpMap(map, key, value)).toBe(true);
  expect(value.toString()).toBe("87654321");
  expect(deleteFromMap(map, key)).toBe(true);
  expect(deleteFromMap(map, key)).toBe(false);
});
