// Coalescing: frames of one flow that go to one port are handed over as one super-frame, which saves the host all of
// its way for each but the first. What the kernel does in its own receive path (net/core/gro.c, net/ipv4/tcp_offload.c,
// udp_offload.c), with the same rules of what may follow what, done on the outputs of a decap batch.
//
// No byte of data is moved: a chain's head gets a list of pieces (a header of its own, its data, the data of each
// member), and the frames themselves stay as they came. So a port that refuses the super-frame can be given them one by
// one, and every frame is still counted as itself. A frame that does not fit the open chain of its flow closes
// it, so a flow is never reordered.

import { inputAt, outputAt, workerContext } from "../descriptor";
import { flowHashOf } from "../flow";
import { DESC_FLAG_CHAINED, VERDICT_UNICAST } from "../layout/descriptor";
import { FDB_KIND_ATTACHMENT } from "../layout/fdb";
import { OFFLOAD_PORT_TSO, OFFLOAD_PORT_USO, SYSTEM_OFFLOADS } from "../layout/system";
import {
  CHAIN_COUNT,
  CHAIN_FLOW,
  CHAIN_HEAD,
  CHAIN_LEN,
  CHAIN_SEGMENT,
  CHAIN_SEQ,
  CHAIN_SIZE,
  CHAIN_TAIL,
  CHAINS_MAX,
  WORKER_CHAINS,
} from "../layout/worker";
import { innerL3, innerL4, innerL4Len, innerProtocol } from "../wire/inner";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/transport";
import { closesChain, dataLenOf, leadsChain, nextSeqOf, sameFlow } from "./frame";
import { mayFollow } from "./rules";
import { sealChains } from "./seal";

/**
 * Chains outputs 0 to outputs - 1 of a decap batch, where the ports take super-frames (OFFLOAD_PORT_TSO, _USO). To be
 * called before they are sent. The contract of a chain is in layout/descriptor.ts; the head's own virtio-net header, for a port that
 * refuses the whole, is kept in its OUTER_ADDRESS.
 */
export function decapCoalesce(worker: u32, outputs: u32): void {
  const offloads = load<u32>(SYSTEM_OFFLOADS);
  let opened: u32 = 0;
  let chained: u32 = 0;
  for (let n: u32 = 0; n < outputs; n++) {
    const output = outputAt(worker, n);
    const input = inputAt(worker, output.origin);
    if (output.targetKind !== FDB_KIND_ATTACHMENT) continue;
    const isFlooded = input.verdict !== VERDICT_UNICAST;
    if (isFlooded && opened === 0) continue;
    const inner = input.inner;
    const protocol = innerProtocol(inner);
    const wanted = protocol === PROTOCOL_TCP ? OFFLOAD_PORT_TSO : protocol === PROTOCOL_UDP ? OFFLOAD_PORT_USO : 0;
    if (!(offloads & wanted) || innerL4(inner) === 0) continue;

    const flow = <u64>flowHashOf(input.payloadPtr, inner) | ((<u64>output.target) << 32);
    let chain = findChain(worker, opened, flow, input.payloadPtr, inner);
    // Copies share their payload with other ports, so they take no part; but nothing may overtake them.
    const dataLen = isFlooded ? 0 : dataLenOf(input, output);
    if (chain !== 0) {
      if (dataLen !== 0 && mayFollow(worker, chain, input, dataLen)) {
        append(worker, chain, n, dataLen, closesChain(input.payloadPtr, inner));
        chained++;
        continue;
      }
      store<u32>(chain, 0, CHAIN_SEGMENT);
    }
    if (dataLen === 0 || !leadsChain(input.payloadPtr, inner)) continue;
    if (chain === 0) chain = chainAt(worker, opened++);
    store<u64>(chain, flow, CHAIN_FLOW);
    store<u32>(chain, n, CHAIN_HEAD);
    store<u32>(chain, n, CHAIN_TAIL);
    store<u32>(chain, dataLen, CHAIN_SEGMENT);
    store<u32>(chain, nextSeqOf(input.payloadPtr, inner, dataLen), CHAIN_SEQ);
    store<u32>(chain, innerL4(inner) - innerL3(inner) + innerL4Len(inner), CHAIN_LEN);
    store<u64>(chain, 1, CHAIN_COUNT); // and CHECKED: not yet
  }
  if (chained !== 0) sealChains(worker, outputs);
}

/** The newest chains have a place; an older one takes no more. */
function chainAt(worker: u32, number: u32): usize {
  return workerContext(worker) + WORKER_CHAINS + CHAIN_SIZE * (number % CHAINS_MAX);
}

/** The chain of a flow, open or closed, or 0. */
function findChain(worker: u32, opened: u32, flow: u64, frame: usize, inner: u64): usize {
  const first = workerContext(worker) + WORKER_CHAINS;
  const end = first + CHAIN_SIZE * min<u32>(opened, CHAINS_MAX);
  for (let chain = first; chain < end; chain += CHAIN_SIZE) {
    if (load<u64>(chain, CHAIN_FLOW) !== flow) continue;
    const head = inputAt(worker, outputAt(worker, load<u32>(chain, CHAIN_HEAD)).origin);
    if (sameFlow(head.payloadPtr, head.inner, frame, inner)) return chain;
  }
  return 0;
}

function append(worker: u32, chain: usize, index: u32, dataLen: u32, closes: bool): void {
  outputAt(worker, load<u32>(chain, CHAIN_TAIL)).chain = <u16>(index + 1);
  outputAt(worker, index).flags = <u16>DESC_FLAG_CHAINED;
  store<u32>(chain, index, CHAIN_TAIL);
  store<u32>(chain, load<u32>(chain, CHAIN_SEQ) + dataLen, CHAIN_SEQ);
  store<u32>(chain, load<u32>(chain, CHAIN_LEN) + dataLen, CHAIN_LEN);
  store<u32>(chain, load<u32>(chain, CHAIN_COUNT) + 1, CHAIN_COUNT);
  if (closes || dataLen < load<u32>(chain, CHAIN_SEGMENT)) store<u32>(chain, 0, CHAIN_SEGMENT);
}
