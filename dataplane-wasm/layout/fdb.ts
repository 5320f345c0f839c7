// FDB: buckets of 64 bytes, four keys then four values, both u64.
//
//   key    0 mac (6, wire order) | 6 network id (2); 0 is a free slot
//   value  bits 60 kind (4) | 40 id (20) | 32 generation (8) | 24 flags (8) | 8 stamp (16) | 0 tag (8)
//
// Whoever changes a slot holds its bucket's lock; whoever inserts a key holds the locks of both of its buckets. Value
// before key on insert; key = 0, then value = 0 on removal. A stamp alone may change by compare-and-swap without the
// lock. Readers take no lock: SIMD compare, load value, key again, value again, tag must match. A kick copies an
// entry to its other bucket, steps the KICK_SEQ of the key's stripe, then deletes the old one; a reader that misses looks
// again when the word has changed meanwhile.

import { SYSTEM_END } from "./system.ts";

export const FDB_BUCKET_SLOTS: u32 = 4;
export const FDB_BUCKET_SIZE: usize = 64;
export const FDB_BUCKET_VALUES: usize = 32; // offset of the first value
export const FDB_BUCKETS_MAX: u32 = 2097152; // 4M entries at half load
export const FDB: usize = SYSTEM_END;
export const FDB_END: usize = FDB + FDB_BUCKET_SIZE * FDB_BUCKETS_MAX;

export const FDB_KIND_DROP: u32 = 0;
export const FDB_KIND_ATTACHMENT: u32 = 1;
export const FDB_KIND_VTEP: u32 = 2;
export const FDB_KIND_GROUP: u32 = 3;

export const FDB_VALUE_KIND_SHIFT: u32 = 60;
export const FDB_VALUE_ID_SHIFT: u32 = 40;
export const FDB_VALUE_ID_MASK: u32 = 0xfffff;
export const FDB_VALUE_GENERATION_SHIFT: u32 = 32;
export const FDB_VALUE_FLAGS_SHIFT: u32 = 24;
export const FDB_VALUE_STAMP_SHIFT: u32 = 8;

/** Flags of an FDB value. */
export const FDB_FLAG_STATIC: u32 = 1; // never ages, never moves, survives a flush of learned entries
export const FDB_FLAG_OWN: u32 = 2; // the MAC of one of our own ports; always static too
export const FDB_FLAG_FROZEN: u32 = 4; // learned, has moved too often: it stays where it is until control thaws it

/** FDB_LOCKS: u32 a bucket, the holder's worker slot + 1, or 0. */
export const FDB_LOCKS: usize = FDB_END;
export const FDB_LOCKS_END: usize = FDB_LOCKS + 4 * FDB_BUCKETS_MAX;
