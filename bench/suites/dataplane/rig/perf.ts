// The processor's own counters of this thread, by perf_event_open(2): cycles, instructions, cache misses, in user space
// only. A virtual machine mostly has none, and says so with ENOENT.

import koffi from "koffi";

/* From linux/perf_event.h. */
const SYSCALL: Readonly<Record<string, number>> = { x64: 298, arm64: 241 };
const ATTR_SIZE = 112;
const ATTR_TYPE = 0; // u32
const ATTR_SIZE_AT = 4; // u32
const ATTR_CONFIG = 8; // u64
const ATTR_READ_FORMAT = 32; // u64
const ATTR_FLAGS = 40; // u64
const FLAG_EXCLUDE_KERNEL = 1 << 5;
const FLAG_EXCLUDE_HV = 1 << 6;
const FORMAT_GROUP = 8;
const FLAG_FD_CLOEXEC = 8n;
const NO_GROUP = -1;

/** Type and config of an event, as linux/perf_event.h numbers them. */
export interface PerfEvent {
  readonly type: number;
  readonly config: number;
}

export const CYCLES: PerfEvent = { type: 0, config: 0 };
export const INSTRUCTIONS: PerfEvent = { type: 0, config: 1 };
export const CACHE_MISSES: PerfEvent = { type: 0, config: 3 };
/** Software's own: there in every machine. */
export const PAGE_FAULTS: PerfEvent = { type: 1, config: 2 };

const libc = koffi.load(null);
const perfEventOpen: (
  number: bigint,
  attr: Uint8Array,
  pid: number,
  cpu: number,
  group: number,
  flags: bigint,
) => bigint = libc.func("long syscall(long number, void *attr, int pid, int cpu, int group, ulong flags)");
const read: (fd: number, buffer: Uint8Array, length: number) => number = libc.func(
  "long read(int fd, void *buffer, size_t length)",
);
const close: (fd: number) => number = libc.func("int close(int fd)");

export class PerfCounters {
  readonly #fds: readonly number[];
  readonly #bytes: Uint8Array;
  readonly #values: BigUint64Array;

  private constructor(fds: readonly number[]) {
    this.#fds = fds;
    this.#bytes = new Uint8Array(8 * (1 + fds.length));
    this.#values = new BigUint64Array(this.#bytes.buffer);
  }

  /** Counters of this thread, one for each event, which run from now on; or why there are none. */
  static open(events: readonly PerfEvent[]): PerfCounters | string {
    const number = SYSCALL[process.arch];
    if (number === undefined) return `no hardware counters: perf_event_open is not known for ${process.arch}`;
    const fds: number[] = [];
    for (const event of events) {
      const fd = Number(perfEventOpen(BigInt(number), attributeOf(event), 0, -1, fds[0] ?? NO_GROUP, FLAG_FD_CLOEXEC));
      if (fd < 0) {
        const reason = refusal(koffi.errno());
        for (const opened of fds) close(opened);
        return reason;
      }
      fds.push(fd);
    }
    return new PerfCounters(fds);
  }

  /** Since they were opened. The array is overwritten by the next call; place 0 is the number of counters. */
  read(): BigUint64Array {
    read(this.#fds[0] ?? -1, this.#bytes, this.#bytes.length);
    return this.#values;
  }

  close(): void {
    for (const fd of this.#fds) close(fd);
  }
}

function attributeOf({ type, config }: PerfEvent): Uint8Array {
  const bytes = new Uint8Array(ATTR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(ATTR_TYPE, type, true);
  view.setUint32(ATTR_SIZE_AT, ATTR_SIZE, true);
  view.setBigUint64(ATTR_CONFIG, BigInt(config), true);
  view.setBigUint64(ATTR_READ_FORMAT, BigInt(FORMAT_GROUP), true);
  view.setBigUint64(ATTR_FLAGS, BigInt(FLAG_EXCLUDE_KERNEL | FLAG_EXCLUDE_HV), true);
  return bytes;
}

function refusal(errno: number): string {
  const { ENOENT, EOPNOTSUPP, EACCES, EPERM } = koffi.os.errno;
  if (errno === ENOENT || errno === EOPNOTSUPP) {
    return "no hardware counters: perf_event_open says that this processor has none, as in most virtual machines";
  }
  if (errno === EACCES || errno === EPERM) {
    return "hardware counters are not allowed: sysctl kernel.perf_event_paranoid=2, or run it as root";
  }
  return `no hardware counters: perf_event_open failed with errno ${errno}`;
}
