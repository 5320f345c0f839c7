// The shape of the built module, read from its bytes: several threads instantiate it over one live memory, so it must
// bring nothing along that instantiation would write, and keep nothing that an instance would own.

import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";

const WASM = new URL("../../../dist/dataplane.wasm", import.meta.url);
const INTERFACE = new URL("../../../control/dataplane.ts", import.meta.url);

/* WebAssembly core specification, section 5.5: section ids and kinds of imports. */
const SECTION_IMPORT = 2;
const SECTION_GLOBAL = 6;
const SECTION_EXPORT = 7;
const SECTION_START = 8;
const SECTION_DATA = 11;
const SECTION_DATA_COUNT = 12;
const KIND_FUNCTION = 0;
const KIND_MEMORY = 2;
const LIMITS_SHARED = 3;

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
  ) {}

  byte(): number {
    return this.bytes[this.at++];
  }

  /** Unsigned LEB128. */
  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString();
  }
}

let sections: Map<number, Uint8Array>;

beforeAll(async () => {
  const reader = new Reader(await readFile(WASM));
  expect(Buffer.from(reader.bytes.subarray(0, 4)).toString()).toBe("\0asm");
  reader.at = 8;
  sections = new Map();
  while (reader.at < reader.bytes.length) {
    const id = reader.byte();
    const size = reader.u32();
    sections.set(id, reader.bytes.subarray(reader.at, reader.at + size));
    reader.at += size;
  }
});

function section(id: number): Reader {
  return new Reader(sections.get(id) ?? new Uint8Array([0]));
}

describe("the built module", () => {
  it("imports one shared memory and nothing else", () => {
    const reader = section(SECTION_IMPORT);
    expect(reader.u32()).toBe(1);
    expect([reader.name(), reader.name()]).toEqual(["env", "memory"]);
    expect(reader.byte()).toBe(KIND_MEMORY);
    expect(reader.byte()).toBe(LIMITS_SHARED);
  });

  it("has no data, which every instantiation would write over live memory", () => {
    expect(sections.has(SECTION_DATA)).toBe(false);
    expect(sections.has(SECTION_DATA_COUNT)).toBe(false);
  });

  it("has no start function", () => {
    expect(sections.has(SECTION_START)).toBe(false);
  });

  it("has no globals, which every instance would have for itself", () => {
    expect(section(SECTION_GLOBAL).u32()).toBe(0);
  });

  it("exports the functions of control/dataplane.ts", async () => {
    const reader = section(SECTION_EXPORT);
    const functions: string[] = [];
    const others: string[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      const name = reader.name();
      (reader.byte() === KIND_FUNCTION ? functions : others).push(name);
      reader.u32();
    }
    expect(others.filter((name) => name !== "memory")).toEqual([]);
    const source = await readFile(INTERFACE, "utf8");
    const declared = source.slice(source.indexOf("interface Dataplane {"), source.indexOf("\n}\n"));
    const names = [...declared.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]);
    expect(names).toContain("encapBatch");
    expect(functions.sort()).toEqual(names.sort());
  });
});
