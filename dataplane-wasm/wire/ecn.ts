// Explicit congestion notification through a tunnel, RFC 6040 section 4.2, figure 4.

/* From RFC 3168. */
export const ECN_NOT_ECT: u32 = 0;
export const ECN_ECT1: u32 = 1;
export const ECN_ECT0: u32 = 2;
export const ECN_CE: u32 = 3;

/* What to do with a decapsulated packet: the inner field to write, or one of these bits. */
export const ECN_FIELD: u32 = 3;
export const ECN_DROP: u32 = 4;
export const ECN_ALARM: u32 = 8; // the combination is one that the RFC calls currently unused

/** The outcome of one cell of the table. */
export function ecnDecap(inner: u32, outer: u32): u32 {
  if (inner === ECN_NOT_ECT) {
    if (outer === ECN_CE) return ECN_DROP;
    return outer === ECN_NOT_ECT ? ECN_NOT_ECT : ECN_NOT_ECT | ECN_ALARM;
  }
  if (outer === ECN_CE) return ECN_CE;
  if (inner === ECN_CE) return outer === ECN_ECT1 ? ECN_CE | ECN_ALARM : ECN_CE;
  if (inner === ECN_ECT0) return outer === ECN_ECT1 ? ECN_ECT1 : ECN_ECT0;
  return outer === ECN_ECT0 ? ECN_ECT1 | ECN_ALARM : ECN_ECT1;
}
