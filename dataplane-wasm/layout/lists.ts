// LISTS: control allocates; a list is immutable once a pointer names it, and freed an epoch after it lost it.
//
//   flood list   u32 attachment count, u32 VTEP count, then the attachment ids, then the VTEP ids (groups too), u32 each
//   prefix list  u32 count, 12 B unused, then (address 16, mask 16), wire order, IPv4 mapped, masked

import { ACCESS_END } from "./vteps.ts";

export const FLOOD_ATTACHMENT_COUNT: usize = 0;
export const FLOOD_VTEP_COUNT: usize = FLOOD_ATTACHMENT_COUNT + 4;
export const FLOOD_IDS: usize = FLOOD_VTEP_COUNT + 4;
export const PREFIX_COUNT: usize = 0;
export const PREFIX_ENTRIES: usize = 16;
export const PREFIX_MASK: usize = 16; // offset in an entry
export const PREFIX_ENTRY_SIZE: usize = 32;
export const LISTS: usize = ACCESS_END;
export const LISTS_SIZE: usize = 67108864;
export const LISTS_END: usize = LISTS + LISTS_SIZE;
