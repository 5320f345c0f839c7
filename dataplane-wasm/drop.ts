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
  DecapPortLost = 23,

  /* Encap. */
  EncapInnerShort = 24,
  EncapSourceMacInvalid = 25,
  EncapInnerVlan = 26,
  EncapFiltered = 27,
  EncapSamePort = 28,
  EncapFloodNone = 29,
  EncapTooBig = 30,
  EncapUnderlayFull = 31,
  EncapPortFull = 32,
  EncapSendError = 33,
  EncapPortDown = 34,
}

/** The last member that is counted without a network. */
export const DROP_WITHOUT_NETWORK: u32 = 8;
/** One more than the largest member. */
export const DROP_COUNT: u32 = 35;
