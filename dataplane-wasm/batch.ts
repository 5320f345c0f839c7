// The cursors of a resumable batch, in the worker's context. A batch function that runs out of outputs stores where
// it stands and returns; PENDING tells the caller to send, settle and call again.

import { inputAt, workerContext } from "./descriptor";
import { Drop } from "./drop";
import {
  CONTEXT_COUNT,
  CONTEXT_FLOOD,
  CONTEXT_NEXT,
  CONTEXT_PENDING,
  CONTEXT_TOUCHED,
  SYSTEM_FDB_BUCKET_MASK,
  VERDICT_NONE,
} from "./layout";

/* Our choice: from 64k entries on a bucket is seldom in the cache, and touching all of a batch's first pays. */
const TOUCH_FROM_BUCKETS: u32 = 32768;

/** True on the first call of a batch; notes its size and clears what earlier batches left in its inputs. */
export function batchBegins(worker: u32, count: u32): bool {
  const context = workerContext(worker);
  if (load<u32>(context, CONTEXT_COUNT) !== 0) return false;
  for (let n: u32 = 0; n < count; n++) {
    const input = inputAt(worker, n);
    input.network = 0;
    input.verdict = <u8>VERDICT_NONE;
    input.drop = <u8>Drop.None;
    input.entry = 0;
    input.result = 0;
    input.sourceVtep = 0;
    input.copies = 0;
  }
  store<u32>(context, count, CONTEXT_COUNT);
  store<u32>(context, 0, CONTEXT_NEXT);
  store<u32>(context, 0, CONTEXT_FLOOD);
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

/** Keeps what the first stage has read, so that no compiler drops its loads. */
export function batchTouched(context: usize, value: u64): void {
  store<u32>(context, <u32>value, CONTEXT_TOUCHED);
}
