// Why a frame was dropped: the one list, read by asc and by tsc. The value of a member is its index in a
// network's drop counters; the Prometheus labels derive from the names: `DecapBadChecksum` is
// direction="decap", reason="bad_checksum". The order within a direction is the order of the checks.
//
// Members up to DROP_WITHOUT_NETWORK happen before the network is known and are counted in row 0.

export enum Drop {
  None = 0,

  /* Decap, before the network is known. */
  DecapFragment = 1,
  DecapTruncated = 2,
  DecapBadChecksum = 3,
  DecapVtepNotAllowed = 4,
  DecapFlagIClear = 5,
  DecapReservedBits = 6,
  DecapUnknownVni = 7,
  /** Datagrams that found a socket's buffer full or had a bad outer checksum: the kernel's count, not a worker's. */
  DecapUnderlayLost = 8,

  /* Decap, in a network. */
  DecapVtepNotInNetwork = 9,
  DecapInnerShort = 10,
  DecapSourceMacInvalid = 11,
  DecapSourceMacOwn = 12,
  DecapStaticConflict = 13,
  DecapEcn = 14,
  DecapInnerVlan = 15,
  DecapFiltered = 16,
  DecapSplitHorizon = 17,
  DecapNoDestination = 18,
  DecapTooBig = 19,
  DecapPortFull = 20,
  DecapPortDown = 21,
  DecapSendError = 22,

  /* Encap. */
  EncapInnerShort = 23,
  EncapSourceMacInvalid = 24,
  EncapInnerVlan = 25,
  EncapFiltered = 26,
  EncapSamePort = 27,
  EncapFloodNone = 28,
  EncapTooBig = 29,
  EncapUnderlayFull = 30,
  EncapPortFull = 31,
  EncapSendError = 32,
  EncapPortDown = 33,
  /** Frames for the tunnel that found a TAP's queue full: the kernel's count, not a worker's. */
  EncapPortLost = 34,
}

/** The last member that is counted without a network. */
export const DROP_WITHOUT_NETWORK: u32 = 8;
/** One more than the largest member. */
export const DROP_COUNT: u32 = 35;
