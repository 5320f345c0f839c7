// Congestion marks on their way out of the tunnel: the outer header's ECN field is folded into the inner packet, or
// the packet is dropped where the marks cannot be carried on. The table itself is in wire/ecn.ts.

import { addCounter, networkRow } from "./counters";
import { Descriptor } from "./descriptor";
import { COUNTER_ECN_ALARM } from "./layout/counters";
import { checksumUpdate } from "./wire/checksum";
import { ECN_ALARM, ECN_DROP, ECN_FIELD, ecnDecap } from "./wire/ecn";
import { innerEcn, innerKind, innerL3, L3_IPV4, L3_NONE } from "./wire/inner";
import { IPV4_CHECKSUM, IPV4_VERSION_IHL } from "./wire/ipv4";
import { storeIpv6Ecn } from "./wire/ipv6";

/** RFC 6040 section 4.2. False: drop. */
export function applyEcn(worker: u32, input: Descriptor, frame: usize, inner: u64): bool {
  const kind = innerKind(inner);
  if (kind === L3_NONE) return true;
  const before = innerEcn(frame, inner);
  const outcome = ecnDecap(before, <u32>input.outerTos & ECN_FIELD);
  if (outcome & ECN_DROP) return false;
  if (outcome & ECN_ALARM) addCounter(networkRow(worker, input.network) + COUNTER_ECN_ALARM, 1);
  const after = outcome & ECN_FIELD;
  if (after === before) return true;
  const ip = frame + innerL3(inner);
  if (kind === L3_IPV4) {
    const word = <u32>load<u16>(ip, IPV4_VERSION_IHL);
    const changed = (word & ~(ECN_FIELD << 8)) | (after << 8); // the TOS is the high byte of the little-endian word
    store<u16>(ip, <u16>changed, IPV4_VERSION_IHL);
    store<u16>(ip, <u16>checksumUpdate(load<u16>(ip, IPV4_CHECKSUM), word, changed), IPV4_CHECKSUM);
  } else {
    storeIpv6Ecn(ip, after);
  }
  return true;
}
