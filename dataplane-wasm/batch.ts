// The cursors of a resumable batch, in the worker's context. A batch function that runs out of outputs stores where
// it stands and returns; PENDING tells the caller to send, settle and call again.

import { workerContext } from "./descriptor";
import { DESC_ENTRY, DESC_NETWORK, DESC_SOURCE_VTEP, DESC_TARGET, DESC_VERDICT } from "./layout/descriptor";
import { SYSTEM_FDB_BUCKET_MASK } from "./layout/system";
import {
  CONTEXT_COUNT,
  CONTEXT_FLOOD,
  CONTEXT_NEXT,
  CONTEXT_PENDING,
  CONTEXT_SEGMENT,
  CONTEXT_TOUCHED,
  DESC_SIZE,
  WORKER_HEADERS,
  WORKER_INPUTS,
} from "./layout/worker";

/* Our choice: from 64k entries on a bucket is seldom in the cache, and touching all of a batch's first pays. */
const TOUCH_FROM_BUCKETS: u32 = 32768;

/** True on the first call of a batch; notes its size and clears what earlier batches left in its inputs. */
export function batchBegins(worker: u32, count: u32): bool {
  const context = workerContext(worker);
  if (load<u32>(context, CONTEXT_COUNT) !== 0) return false;
  const end = context + WORKER_INPUTS + DESC_SIZE * count;
  for (let input = context + WORKER_INPUTS; input < end; input += DESC_SIZE) {
    store<u16>(input, 0, DESC_NETWORK);
    store<u16>(input, 0, DESC_VERDICT); // and DROP
    store<u32>(input, 0, DESC_ENTRY);
    store<u64>(input, 0, DESC_TARGET); // and TARGET_KIND, RESULT, ORIGIN
    store<u64>(input, 0, DESC_SOURCE_VTEP); // and COPIES
  }
  store<u32>(context, count, CONTEXT_COUNT);
  store<u32>(context, 0, CONTEXT_NEXT);
  store<u32>(context, 0, CONTEXT_FLOOD);
  store<u32>(context, 0, CONTEXT_SEGMENT);
  return true;
}

/** Keeps the cursors; `next` is the input to go on with, `flood` its next copy. */
export function batchPause(context: usize, next: u32, flood: u32): void {
  store<u32>(context, next, CONTEXT_NEXT);
  store<u32>(context, flood, CONTEXT_FLOOD);
  store<u32>(context, load<u32>(context, CONTEXT_COUNT) - next, CONTEXT_PENDING);
}

/** True if the first stage should touch the buckets of the whole batch. */
export function batchTouches(): bool {
  return load<u32>(SYSTEM_FDB_BUCKET_MASK) >= TOUCH_FROM_BUCKETS - 1;
}

/** Where the first stage lists bucket addresses, u32 each: the header slots, which no copy uses yet. */
export function batchList(context: usize): usize {
  return context + WORKER_HEADERS;
}

/**
 * Reads the listed buckets, so that their cache misses run together: the loop is short, and many of its loads fit
 * into the processor's window. What it read is kept, so that no compiler drops the loads.
 */
export function batchTouch(context: usize, end: usize): void {
  let seen: u64 = 0;
  for (let at = batchList(context); at < end; at += 8) seen ^= load<u64>(load<u32>(at)) ^ load<u64>(load<u32>(at, 4));
  store<u32>(context, <u32>seen, CONTEXT_TOUCHED);
}
