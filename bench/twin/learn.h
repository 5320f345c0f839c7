// Twin of dataplane-wasm/fdb, the writing half: events, locks, slots, insertion with kicks, learning.

#pragma once

#include "fdb.h"

#define LEARN_RETRIES 4
#define KICK_DEPTH 3

enum { LEARN_SAME, LEARN_NEW, LEARN_MOVED, LEARN_STATIC_SAME, LEARN_STATIC_CONFLICT, LEARN_OWN, LEARN_LIMIT, LEARN_BUSY, LEARN_OFF, LEARN_FROZEN };
enum { INSERT_DONE, INSERT_PRESENT, INSERT_FULL, INSERT_BUSY };

/* events.ts */

static inline void count_rare(u32 worker, u32 network, u32 counter) {
  u8 *p = at(NETWORK_COUNTERS + worker * NETWORK_COUNTERS_WORKER + network * NETWORK_COUNTERS_SIZE + counter);
  astore64(p, ld64(p) + 1);
}

static COLD void lose_move(u8 *ring, u32 head, u32 number) {
  u32 lost = ld32(ring + EVENT_LOST_MOVES);
  if (lost == 0 || ld32(ring + EVENT_LOST_MOVE_HEAD) != head) {
    st32(ring + EVENT_LOST_MOVE_HEAD, head);
    astore32(ring + EVENT_LOST_MOVE, number);
  }
  astore32(ring + EVENT_LOST_MOVES, lost + 1);
}

static inline void emit_event(u32 worker, u32 kind, u64 key, u32 to_kind, u32 to_id, u32 from_kind, u32 from_id, u32 number) {
  u8 *ring = at(EVENTS + worker * EVENT_RING_SIZE);
  u32 head = ld32(ring + EVENT_HEAD);
  if (head - aload32(ring + EVENT_TAIL) >= (kind == EVENT_MOVED ? EVENT_RING : EVENT_RING_OTHERS)) {
    astore64(ring + EVENT_LOST, ld64(ring + EVENT_LOST) + 1);
    if (kind == EVENT_MOVED) lose_move(ring, head, number);
    return;
  }
  u8 *record = ring + EVENT_RECORDS + (head & (EVENT_RING - 1)) * EVENT_SIZE;
  record[EVENT_KIND] = (u8)kind;
  record[EVENT_TO_KIND] = (u8)to_kind;
  record[EVENT_FROM_KIND] = (u8)from_kind;
  st16(record + EVENT_NETWORK, (u16)(key >> 48));
  st32(record + EVENT_MAC, (u32)key);
  st16(record + EVENT_MAC + 4, (u16)(key >> 32));
  st32(record + EVENT_TO, to_id);
  st32(record + EVENT_FROM, from_id);
  st32(record + EVENT_CLOCK, aload32(at(SYSTEM_CLOCK)));
  st32(record + EVENT_NUMBER, number);
  astore32(ring + EVENT_HEAD, head + 1);
}

static COLD void emit_limit(u32 worker, u32 network, u64 key, u32 kind, u32 id) {
  count_rare(worker, network, COUNTER_LIMIT);
  u8 *ring = at(EVENTS + worker * EVENT_RING_SIZE);
  u32 now = aload32(at(SYSTEM_CLOCK)) + 1;
  if (ld32(ring + EVENT_LIMIT_CLOCK) == now) return;
  st32(ring + EVENT_LIMIT_CLOCK, now);
  emit_event(worker, EVENT_LIMIT, key, kind, id, 0, 0, 0);
}

/* lock.ts */

static inline bool try_lock(u32 worker, const u8 *bucket) {
  u32 free = 0;
  return acas32(fdb_lock(bucket), &free, worker + 1);
}
static inline void unlock(const u8 *bucket) { astore32(fdb_lock(bucket), 0); }

static inline bool try_lock_pair(u32 worker, const u8 *first, const u8 *second) {
  const u8 *low = first < second ? first : second;
  const u8 *high = first < second ? second : first;
  if (!try_lock(worker, low)) return false;
  if (low == high || try_lock(worker, high)) return true;
  unlock(low);
  return false;
}
static inline void unlock_pair(const u8 *first, const u8 *second) {
  unlock(first);
  if (first != second) unlock(second);
}

/* slot.ts */

static inline u8 *bucket_of(u8 *slot) { return at(address_of(slot) & ~(FDB_BUCKET_SIZE - 1)); }

static inline void fill_slot(u8 *slot, u64 key, u64 value) {
  astore64(slot + FDB_BUCKET_VALUES, value);
  astore64(slot, key);
}

static inline void move_slot(u8 *from, u8 *to) {
  u64 key = aload64(from);
  u64 value = aload64(from + FDB_BUCKET_VALUES);
  fill_slot(to, key, value);
  aadd32(fdb_stripe(fdb_hash(key)), 1);
  astore64(from, 0);
  u64 last = __atomic_exchange_n((u64 *)(from + FDB_BUCKET_VALUES), 0, __ATOMIC_ACQ_REL);
  if (last != value) acas64(to + FDB_BUCKET_VALUES, value, last);
}

static inline bool is_aged(u64 value, const u8 *network) {
  u32 ageing = ld32(network + NETWORK_AGEING);
  if (ageing == 0 || is_static(value)) return false;
  u32 stamp = (u32)(value >> FDB_VALUE_STAMP_SHIFT) & 0xffff;
  return ((aload32(at(SYSTEM_CLOCK)) - stamp) & 0xffff) > ageing;
}

static inline bool is_full(const u8 *network, bool learned) {
  if (aload32(at(SYSTEM_FDB_COUNT)) >= ld32(at(SYSTEM_FDB_CAPACITY))) return true;
  if (!learned) return false;
  u32 limit = ld32(network + NETWORK_LEARN_LIMIT);
  return limit != 0 && aload32(network + NETWORK_LEARNED) >= limit;
}

static inline bool add_below(u8 *p, u32 limit) {
  u32 count = aload32(p);
  while (count < limit)
    if (acas32(p, &count, count + 1)) return true;
  return false;
}

static inline bool reserve(u8 *network, bool learned) {
  if (!add_below(at(SYSTEM_FDB_COUNT), ld32(at(SYSTEM_FDB_CAPACITY)))) return false;
  if (!learned) {
    aadd32(network + NETWORK_STATIC, 1);
    return true;
  }
  u32 limit = ld32(network + NETWORK_LEARN_LIMIT);
  if (add_below(network + NETWORK_LEARNED, limit == 0 ? UINT32_MAX : limit)) return true;
  asub32(at(SYSTEM_FDB_COUNT), 1);
  return false;
}

static inline void remove_entry(u8 *slot, u64 key, u64 value) {
  astore64(slot, 0);
  astore64(slot + FDB_BUCKET_VALUES, 0);
  asub32(network_record(key) + (is_static(value) ? NETWORK_STATIC : NETWORK_LEARNED), 1);
  asub32(at(SYSTEM_FDB_COUNT), 1);
}

static inline bool is_stale(u64 key, u64 value) {
  const u8 *network = network_record(key);
  return !fdb_live(value, network) || is_aged(value, network);
}

static inline u8 *free_slot(u8 *bucket) { return slot_in(bucket, 0); }

/* insert.ts */

static inline bool reclaim(u32 worker, u8 *slot) {
  u64 key = aload64(slot);
  u64 value = aload64(slot + FDB_BUCKET_VALUES);
  if (key == 0 || !is_stale(key, value)) return false;
  remove_entry(slot, key, value);
  if (fdb_live(value, network_record(key))) {
    count_rare(worker, (u32)(key >> 48), COUNTER_AGED);
    emit_event(worker, EVENT_AGED, key, value_kind(value), value_id(value), 0, 0, 0);
  }
  return true;
}

static inline u8 *reclaim_slot(u32 worker, u8 *bucket) {
  for (u32 i = 0; i < FDB_BUCKET_SLOTS; i++)
    if (reclaim(worker, bucket + i * 8)) return bucket + i * 8;
  return NULL;
}

/* Frees a slot by `depth` moves, or returns NULL; *busy when a lock was in the way. */
static u8 *kick(u32 worker, u8 *bucket, u32 depth, bool *busy) {
  for (u32 i = 0; i < FDB_BUCKET_SLOTS; i++) {
    u8 *from = bucket + i * 8;
    u8 *other = fdb_other_bucket(bucket, (u32)aload64(from + FDB_BUCKET_VALUES) & 0xff);
    if (depth == 1 && !free_slot(other)) continue;
    if (!try_lock(worker, other)) {
      *busy = *busy || aload32(fdb_lock(other)) != worker + 1;
      continue;
    }
    u8 *to = free_slot(other);
    if (!to) to = reclaim_slot(worker, other);
    if (!to && depth > 1) to = kick(worker, other, depth - 1, busy);
    if (to) move_slot(from, to);
    unlock(other);
    if (to) return from;
  }
  return NULL;
}

static u32 insert_locked(u32 worker, u8 *network, u8 *first, u8 *second, u64 key, u64 value, bool learned) {
  if (slot_in(first, key) || slot_in(second, key)) return INSERT_PRESENT;
  bool busy = false;
  u8 *slot = free_slot(first);
  if (!slot) slot = free_slot(second);
  if (!slot) slot = reclaim_slot(worker, first);
  if (!slot) slot = reclaim_slot(worker, second);
  for (u32 depth = 1; !slot && depth <= KICK_DEPTH; depth++) {
    slot = kick(worker, first, depth, &busy);
    if (!slot) slot = kick(worker, second, depth, &busy);
  }
  if (!slot) return busy ? INSERT_BUSY : INSERT_FULL;
  if (!reserve(network, learned)) return INSERT_FULL;
  fill_slot(slot, key, value);
  return INSERT_DONE;
}

static u32 insert(u32 worker, u8 *network, u64 key, u64 h, u64 value) {
  bool learned = !is_static(value);
  if (is_full(network, learned)) return INSERT_FULL;
  u8 *first = fdb_bucket(h);
  u8 *second = fdb_other_bucket(first, fdb_tag(h));
  if (!try_lock_pair(worker, first, second)) return INSERT_BUSY;
  u32 outcome = insert_locked(worker, network, first, second, key, value, learned);
  unlock_pair(first, second);
  return outcome;
}

/* learn.ts */

static void count_learned(u32 worker, u32 network, u64 key, u64 value) {
  count_rare(worker, network, COUNTER_LEARNED);
  emit_event(worker, EVENT_LEARNED, key, value_kind(value), value_id(value), 0, 0, 0);
}

static u32 learn_new(u32 worker, u8 *net, u32 network, u64 key, u64 h, u64 wanted) {
  u32 outcome = insert(worker, net, key, h, wanted);
  if (outcome == INSERT_PRESENT) return LEARN_SAME;
  if (outcome == INSERT_FULL) {
    emit_limit(worker, network, key, value_kind(wanted), value_id(wanted));
    return LEARN_LIMIT;
  }
  if (outcome != INSERT_DONE) return LEARN_BUSY;
  count_learned(worker, network, key, wanted);
  return LEARN_NEW;
}

static __attribute__((noinline)) u32 learn_change(u32 worker, u8 *net, u32 network, u64 key, u64 h, u64 wanted) {
  bool learning = ld32(net + NETWORK_FLAGS) & NETWORK_FLAG_LEARNING;
  for (u32 i = 0; i < LEARN_RETRIES; i++) {
    u8 *slot = find_slot(key, h);
    if (!slot) {
      if (!learning) return LEARN_OFF;
      u32 outcome = learn_new(worker, net, network, key, h, wanted);
      if (outcome == LEARN_SAME) continue;
      return outcome;
    }
    u64 value = aload64(slot + FDB_BUCKET_VALUES);
    if (aload64(slot) != key) continue;
    bool same = ((value ^ wanted) & VALUE_DESTINATION) == 0;
    if (is_static(value)) {
      if (same) return LEARN_STATIC_SAME;
      return value & VALUE_OWN ? LEARN_OWN : LEARN_STATIC_CONFLICT;
    }
    bool live = fdb_live(value, net);
    if (same && live) {
      acas64(slot + FDB_BUCKET_VALUES, value, (value & ~VALUE_STAMP) | (wanted & VALUE_STAMP));
      return LEARN_SAME;
    }
    if (!learning) return LEARN_OFF;
    if (live && value & VALUE_FROZEN) {
      count_rare(worker, network, COUNTER_HELD);
      return LEARN_FROZEN;
    }
    u8 *bucket = bucket_of(slot);
    if (!try_lock(worker, bucket)) return LEARN_BUSY;
    bool unchanged = aload64(slot) == key && ((aload64(slot + FDB_BUCKET_VALUES) ^ value) & ~VALUE_STAMP) == 0;
    if (unchanged) astore64(slot + FDB_BUCKET_VALUES, wanted);
    u32 number = unchanged && live ? aadd32(at(SYSTEM_MOVES), 1) : 0;
    unlock(bucket);
    if (!unchanged) continue;
    if (!live) {
      count_learned(worker, network, key, wanted);
      return LEARN_NEW;
    }
    count_rare(worker, network, COUNTER_MOVED);
    emit_event(worker, EVENT_MOVED, key, value_kind(wanted), value_id(wanted), value_kind(value), value_id(value), number);
    return LEARN_MOVED;
  }
  return LEARN_BUSY;
}

static inline u32 learn(u32 worker, u8 *net, u32 network, u64 key, u64 h, u32 kind, u32 id) {
  u64 wanted = (u64)kind << FDB_VALUE_KIND_SHIFT | (u64)(id & FDB_VALUE_ID_MASK) << FDB_VALUE_ID_SHIFT |
               (u64)(ld32(net + NETWORK_GENERATION) & 0xff) << FDB_VALUE_GENERATION_SHIFT |
               (u64)(aload32(at(SYSTEM_CLOCK)) & 0xffff) << FDB_VALUE_STAMP_SHIFT | fdb_tag(h);
  const u8 *slot = find_slot(key, h);
  if (slot) {
    u64 value = aload64(slot + FDB_BUCKET_VALUES);
    if (((value ^ wanted) & ~(VALUE_FLAGS ^ VALUE_STATIC)) == 0 && aload64(slot) == key) return LEARN_SAME;
  }
  return learn_change(worker, net, network, key, h, wanted);
}
