// Builds the C twin of the hot path on the spot and loads it: the same algorithm on the same memory, compiled by gcc for
// this very CPU. Its layout header is written from the compiled layout file, so the two cannot disagree.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import koffi from "koffi";
import { Drop } from "../../../../dataplane-wasm/drop.js";
import * as layout from "../../../../dataplane-wasm/layout.js";
import { hasProgram } from "../../../host.js";
import { folderPrefix } from "../../../orphans.js";
import type { Run } from "../../../suite.js";

const FLAGS = ["-O3", "-march=native", "-shared", "-fPIC", "-std=gnu11", "-Wall"];
/** The sources are not compiled by tsc: they stay where the repository has them. */
const SOURCES = ["../../../twin/", "../../../../../bench/twin/"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** The twin over one memory. */
export interface Twin {
  /** A whole batch, settle included. @returns outputs made */
  encap(worker: number, count: number): number;
  decap(worker: number, count: number): number;
  /** Parses and hashes the frames of inputs 0 to count - 1. @returns all hashes by exclusive or */
  hash(worker: number, count: number): number;
  /** Chains the outputs of an encap batch. @returns their number */
  gather(worker: number, outputs: number): number;
  /** Chains the outputs of a decap batch. @returns their number */
  coalesce(worker: number, outputs: number): number;
  /** As fdbSweep and fdbFlush of control/dataplane.ts. */
  sweep(worker: number, fromBucket: number, count: number): number;
  flush(worker: number, fromBucket: number, count: number, network: number, mask: bigint, match: bigint): number;
  /** Does nothing: what a call costs. */
  nothing(worker: number, count: number): number;
}

/** Why there can be no twin here, or undefined. */
export function twinMissing(): string | undefined {
  if (process.arch !== "x64") return `the C twin is written for x64, this is ${process.arch}`;
  if (sources() === undefined) return "the C twin's sources are not in this installation, only in the repository";
  return hasProgram("gcc") ? undefined : "no C compiler: apt-get install gcc libc6-dev";
}

function sources(): string | undefined {
  return SOURCES.find((folder) => existsSync(join(folder, "twin.c")));
}

/** Compiles the twin. @returns the path of the library, gone when the run ends. @throws with gcc's words */
async function buildTwin(run: Run): Promise<string> {
  const missing = twinMissing();
  const folder = sources();
  if (missing !== undefined || folder === undefined) throw new Error(missing);
  const output = await mkdtemp(folderPrefix());
  run.defer(() => rm(output, { recursive: true, force: true }));
  await writeFile(join(output, "layout.h"), layoutHeader());
  const library = join(output, "twin.so");
  try {
    await promisify(execFile)("gcc", [...FLAGS, "-I", output, "-o", library, join(folder, "twin.c")]);
  } catch (error) {
    const words = (error as { stderr?: string }).stderr ?? String(error);
    throw new Error(
      `the C twin does not compile: ${(words.split("\n").find((line) => line.includes("error")) ?? words).replaceAll(folder, "")}`,
    );
  }
  return library;
}

/** The library, or why there is none. */
export async function tryTwin(run: Run): Promise<{ library?: string; missing: string }> {
  const missing = twinMissing();
  if (missing !== undefined) return { missing };
  try {
    return { library: await buildTwin(run), missing: "" };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** Loads the twin in this thread, over one memory. The library itself knows one memory a process. */
export function loadTwin(library: string, memory: WebAssembly.Memory): Twin {
  const twin = koffi.load(library);
  const attach = twin.func("void twin_attach(void *memory)");
  attach(koffi.address(new Uint8Array(memory.buffer)));
  const batch = (name: string): ((worker: number, count: number) => number) =>
    twin.func(`uint32_t ${name}(uint32_t worker, uint32_t count)`);
  return {
    encap: batch("twin_encap"),
    decap: batch("twin_decap"),
    hash: batch("twin_hash"),
    gather: batch("twin_gather"),
    coalesce: batch("twin_coalesce"),
    sweep: twin.func("uint32_t twin_sweep(uint32_t worker, uint32_t from, uint32_t count)"),
    flush: twin.func(
      "uint32_t twin_flush(uint32_t worker, uint32_t from, uint32_t count, uint32_t network, uint64_t mask, uint64_t match)",
    ),
    nothing: batch("twin_nothing"),
  };
}

/** Every number of the layout and drop.ts as a macro. */
function layoutHeader(): string {
  const numbers: [string, unknown][] = [...Object.entries(layout), ...Object.entries(Drop)];
  const lines = numbers.map(([name, value]) => (typeof value === "number" ? `#define ${name} ${value}u` : undefined));
  return `#pragma once\n${lines.filter((line) => line !== undefined && !/define \d/.test(line)).join("\n")}\n`;
}
