// What `learn` did with a source MAC; read by asc and by tsc.

/** Known, alive, same destination. */
export const LEARN_SAME: u32 = 0;
/** A new entry, or a dead one brought back to life. */
export const LEARN_NEW: u32 = 1;
/** Known on another destination; it points here now. */
export const LEARN_MOVED: u32 = 2;
/** A static entry that points here. */
export const LEARN_STATIC_SAME: u32 = 3;
/** A static entry that points elsewhere wins. */
export const LEARN_STATIC_CONFLICT: u32 = 4;
/** The MAC of one of our own ports, seen elsewhere. */
export const LEARN_OWN: u32 = 5;
/** Not learned: the table or the network is full, or no slot could be made free. */
export const LEARN_LIMIT: u32 = 6;
/** Not learned this time: somebody else holds a lock. */
export const LEARN_BUSY: u32 = 7;
/** Not learned: the network does not learn. */
export const LEARN_OFF: u32 = 8;
/** Known on another destination, and frozen there. */
export const LEARN_FROZEN: u32 = 9;
