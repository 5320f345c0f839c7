// The books. After the drivers have sent what a batch function made, settle notes what became of each copy; when the batch has no
// copy left to make, every input is counted, each in exactly one of frames, local and dropped. A super-frame counts as the
// segments that it stands for (segments.ts), everywhere. One that left in parts for its one VTEP is in two: what could not be sent
// is dropped, for the last failure's reason, and the rest are frames. A copy counts for its VTEP as what it carries.
//
// Sums are kept in locals over a run of inputs of one network and added to the worker's row once a run.

import { addCounter, counts, networkRow, vtepRow } from "./counters";
import { Descriptor, inputAt, outputAt, workerContext } from "./descriptor";
import { Drop } from "./drop";
import {
  COUNTER_BYTES_DECAP,
  COUNTER_BYTES_ENCAP,
  COUNTER_DROPS,
  COUNTER_FLOODED_DECAP,
  COUNTER_FLOODED_ENCAP,
  COUNTER_FRAMES_DECAP,
  COUNTER_FRAMES_ENCAP,
  COUNTER_LOCAL,
  COUNTER_RECEIVED_DECAP,
  COUNTER_RECEIVED_ENCAP,
  VTEP_COUNTER_BYTES_DECAP,
  VTEP_COUNTER_BYTES_ENCAP,
  VTEP_COUNTER_DROPS_DECAP,
  VTEP_COUNTER_DROPS_ENCAP,
  VTEP_COUNTER_FRAMES_DECAP,
  VTEP_COUNTER_FRAMES_ENCAP,
} from "./layout/counters";
import {
  DESC_FAILED_BYTES,
  DESC_FLAG_SUPER,
  RESULT_PORT,
  RESULT_UNDERLAY,
  SEND_DOWN,
  SEND_FULL,
  SEND_OK,
  SEND_TOO_BIG,
  VERDICT_DROP,
  VERDICT_FLOOD,
} from "./layout/descriptor";
import { FDB_KIND_VTEP } from "./layout/fdb";
import { CONTEXT_COUNT, CONTEXT_PENDING, DESC_SIZE } from "./layout/worker";
import { segmentBytes, segmentsOf } from "./segments";
import { VXLAN_LEN } from "./wire/vxlan";

/** Books outputs 0 to outputs - 1 as their drivers left them, and the inputs when the batch is done. */
export function encapSettle(worker: u32, outputs: u32): void {
  const counting = counts(worker);
  const inputs = changetype<usize>(inputAt(worker, 0));
  const end = changetype<usize>(outputAt(worker, outputs));
  for (let at = changetype<usize>(outputAt(worker, 0)); at < end; at += DESC_SIZE) {
    const output = changetype<Descriptor>(at);
    const input = changetype<Descriptor>(inputs + <usize>output.origin * DESC_SIZE);
    if (input.verdict === VERDICT_DROP) continue; // an answer of our own: the input stays dropped
    const underlay = output.targetKind === FDB_KIND_VTEP;
    if (output.drop === SEND_OK) input.result |= <u8>(underlay ? RESULT_UNDERLAY : RESULT_PORT);
    else encapFailed(input, output, underlay);
    if (underlay) {
      if (counting) inline.always(countVtepEncap(worker, output, input));
    }
  }
  if (load<u32>(workerContext(worker), CONTEXT_PENDING) === 0) encapCount(worker);
}

export function decapSettle(worker: u32, outputs: u32): void {
  for (let n: u32 = 0; n < outputs; n++) {
    const output = outputAt(worker, n);
    const input = inputAt(worker, output.origin);
    if (output.drop === SEND_OK) input.result |= <u8>RESULT_PORT;
    else input.drop = <u8>decapFailure(output.drop);
  }
  if (load<u32>(workerContext(worker), CONTEXT_PENDING) === 0) decapCount(worker);
}

function encapFailed(input: Descriptor, output: Descriptor, underlay: bool): void {
  input.drop = <u8>encapFailure(output.drop, underlay);
  // Of a flood, a copy is enough.
  if (!underlay || !(input.flags & DESC_FLAG_SUPER) || input.verdict === VERDICT_FLOOD) return;
  const segments = <u32>output.segments;
  const failedBytes = changetype<usize>(input) + DESC_FAILED_BYTES;
  input.failed += <u16>segments;
  store<u32>(failedBytes, load<u32>(failedBytes) + <u32>outputBytes(input, output, segments));
}

function encapFailure(send: u32, underlay: bool): u32 {
  if (send === SEND_TOO_BIG) return Drop.EncapTooBig;
  if (send === SEND_FULL) return underlay ? Drop.EncapUnderlayFull : Drop.EncapPortFull;
  return send === SEND_DOWN && !underlay ? Drop.EncapPortDown : Drop.EncapSendError;
}

function decapFailure(send: u32): u32 {
  if (send === SEND_TOO_BIG) return Drop.DecapTooBig;
  if (send === SEND_FULL) return Drop.DecapPortFull;
  return send === SEND_DOWN ? Drop.DecapPortDown : Drop.DecapSendError;
}

/** Every copy counts for its VTEP, so a flood counts once for each. */
function countVtepEncap(worker: u32, output: Descriptor, input: Descriptor): void {
  const row = vtepRow(worker, output.target);
  const segments = <u32>output.segments;
  if (output.drop === SEND_OK) {
    addCounter(row + VTEP_COUNTER_FRAMES_ENCAP, segments);
    addCounter(row + VTEP_COUNTER_BYTES_ENCAP, outputBytes(input, output, segments));
  } else {
    addCounter(row + VTEP_COUNTER_DROPS_ENCAP, segments);
  }
}

/** Bytes of the inner frames that an output carries: one, a train of them, or a super-frame that somebody else cuts. */
function outputBytes(input: Descriptor, output: Descriptor, segments: u32): u64 {
  const len = <u64>output.payloadLen;
  if (segments === 1) return len;
  if (output.trainSize !== 0) return len - <u64>segments * <u64>VXLAN_LEN;
  return len + <u64>(segments - 1) * <u64>input.segmentHeaders;
}

function encapCount(worker: u32): void {
  const context = workerContext(worker);
  const count = load<u32>(context, CONTEXT_COUNT);
  store<u32>(context, 0, CONTEXT_COUNT);
  if (!counts(worker)) return;
  let n: u32 = 0;
  while (n < count) {
    const network = inputAt(worker, n).network;
    const row = networkRow(worker, network);
    let received: u64 = 0;
    let frames: u64 = 0;
    let bytes: u64 = 0;
    let local: u64 = 0;
    let flooded: u64 = 0;
    for (; n < count; n++) {
      const input = inputAt(worker, n);
      if (input.network !== network) break;
      const segments = segmentsOf(input);
      received += segments;
      if (input.verdict === VERDICT_DROP || input.result === 0) {
        countDropped(worker, row, input, segments, VTEP_COUNTER_DROPS_ENCAP);
        continue;
      }
      if (input.verdict === VERDICT_FLOOD) flooded += segments;
      if (input.result & RESULT_UNDERLAY) {
        frames += segments;
        bytes += segmentBytes(input, segments);
        if (segments !== 1 && input.failed !== 0) {
          const failed = <u32>input.failed;
          frames -= failed;
          bytes -= load<u32>(changetype<usize>(input), DESC_FAILED_BYTES);
          countDropped(worker, row, input, failed, VTEP_COUNTER_DROPS_ENCAP);
        }
      } else {
        local += segments;
      }
    }
    addCounter(row + COUNTER_RECEIVED_ENCAP, received);
    addCounter(row + COUNTER_FRAMES_ENCAP, frames);
    addCounter(row + COUNTER_BYTES_ENCAP, bytes);
    addCounter(row + COUNTER_LOCAL, local);
    addCounter(row + COUNTER_FLOODED_ENCAP, flooded);
  }
}

function decapCount(worker: u32): void {
  const context = workerContext(worker);
  const count = load<u32>(context, CONTEXT_COUNT);
  store<u32>(context, 0, CONTEXT_COUNT);
  if (!counts(worker)) return;
  let n: u32 = 0;
  while (n < count) {
    const network = inputAt(worker, n).network;
    const vtep = inputAt(worker, n).sourceVtep;
    const row = networkRow(worker, network);
    let received: u64 = 0;
    let frames: u64 = 0;
    let bytes: u64 = 0;
    let flooded: u64 = 0;
    for (; n < count; n++) {
      const input = inputAt(worker, n);
      if (input.network !== network || input.sourceVtep !== vtep) break;
      const segments = segmentsOf(input);
      received += segments;
      if (input.verdict === VERDICT_DROP || input.result === 0) {
        countDropped(worker, row, input, segments, VTEP_COUNTER_DROPS_DECAP);
        continue;
      }
      if (input.verdict === VERDICT_FLOOD) flooded += segments;
      frames += segments;
      bytes += segmentBytes(input, segments);
    }
    addCounter(row + COUNTER_RECEIVED_DECAP, received);
    addCounter(row + COUNTER_FRAMES_DECAP, frames);
    addCounter(row + COUNTER_BYTES_DECAP, bytes);
    addCounter(row + COUNTER_FLOODED_DECAP, flooded);
    if (vtep !== 0) {
      addCounter(vtepRow(worker, vtep) + VTEP_COUNTER_FRAMES_DECAP, frames);
      addCounter(vtepRow(worker, vtep) + VTEP_COUNTER_BYTES_DECAP, bytes);
    }
  }
}

/** The one place where a frame is counted as dropped; `segments` is what it counts as. */
function countDropped(worker: u32, row: usize, input: Descriptor, segments: u32, vtepCounter: usize): void {
  addCounter(row + COUNTER_DROPS + ((<usize>input.drop) << 3), segments);
  if (input.sourceVtep !== 0) addCounter(vtepRow(worker, input.sourceVtep) + vtepCounter, segments);
}
