// The directory for what outlives a run. That it can be written to is found out by writing, because a full disk, a
// read-only file system and missing rights look alike only to those who try.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const PROBE = ".probe";
const PROBE_LEN = 4096; // a block, so that a full disk shows

/** Makes the directory if it is missing and writes a block to it. @throws what the file system says */
export async function probeStateDir(directory: string): Promise<void> {
  const file = join(directory, PROBE);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(file, Buffer.alloc(PROBE_LEN));
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
}
