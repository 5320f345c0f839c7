// What the threads of race.test.ts run: plain JavaScript, since worker threads load it as it is. A thread waits for
// the gate to open, works until it closes (or its list is done), and posts what it saw.
//
// Every destination id tells whose it is: `keys[i]` is behind id `(i & 0xffff) * 16 + n`, where n may move.

import { parentPort, workerData } from "node:worker_threads";

const { module, memory, gate, worker, role, keys, from, to } = workerData;
const { exports: dataplane } = new WebAssembly.Instance(module, { env: { memory } });

const NONE = -1n; // as the engine hands it over
const NEW = 1;
const SAME = 0;
const MOVED = 2;
const LIMIT = 6;
const BUSY = 7;
const FROZEN = 9;
const VTEP = 2;
const ROUND = 512; // steps between two looks at the gate

const gateWord = new Int32Array(gate);
const isOpen = () => Atomics.load(gateWord, 0) === 1;

let random = (worker + 1) * 0x9e3779b1;
const below = (n) => {
  random ^= random << 13;
  random ^= random >>> 17;
  random ^= random << 5;
  return (random >>> 0) % n;
};

const isOf = (value, i) => Number((value >> 44n) & 0xffffn) === (i & 0xffff) && Number((value >> 60n) & 0xfn) === VTEP;

/** Learns until nobody is in the way. */
function learn(i, n) {
  for (;;) {
    const outcome = dataplane.fdbLearn(worker, keys[i], VTEP, (i & 0xffff) * 16 + n);
    if (outcome !== BUSY) return outcome;
  }
}

const roles = {
  /** keys[0..from) are always there, keys[from..to) come and go, keys[to..) never come. */
  read() {
    const seen = { lookups: 0, missed: 0, wrong: 0, found: 0, phantoms: 0 };
    while (isOpen()) {
      for (let step = 0; step < ROUND; step++) {
        const always = below(from);
        const value = dataplane.fdbGet(keys[always]);
        if (value === NONE) seen.missed++;
        else if (!isOf(value, always)) seen.wrong++;
        const sometimes = from + below(to - from);
        const other = dataplane.fdbGet(keys[sometimes]);
        if (other !== NONE) {
          seen.found++;
          if (!isOf(other, sometimes)) seen.wrong++;
        }
        if (dataplane.fdbGet(keys[to + below(keys.length - to)]) !== NONE) seen.phantoms++;
      }
      seen.lookups += 3 * ROUND;
    }
    return seen;
  },

  /** Learns and removes keys[from..to), which nobody else writes, and moves the others about. */
  churn() {
    const seen = { learned: 0, refused: 0, removed: 0, moved: 0, held: 0, lost: 0, odd: 0 };
    const present = new Set();
    while (isOpen()) {
      for (let step = 0; step < ROUND; step++) {
        const i = from + below(to - from);
        if (present.has(i)) {
          const value = dataplane.fdbGet(keys[i]);
          if (value === NONE || !isOf(value, i)) seen.lost++;
          let removed = dataplane.fdbRemove(worker, keys[i]);
          while (removed === 3) removed = dataplane.fdbRemove(worker, keys[i]);
          if (removed !== 1 || dataplane.fdbGet(keys[i]) !== NONE) seen.odd++;
          present.delete(i);
          seen.removed++;
        } else {
          const outcome = learn(i, 0);
          if (outcome === NEW) present.add(i);
          if (outcome === NEW) seen.learned++;
          else if (outcome === LIMIT) seen.refused++;
          else seen.odd++;
        }
        const outcome = learn(below(workerData.always), below(16));
        if (outcome === MOVED) seen.moved++;
        else if (outcome === FROZEN) seen.held++;
        else if (outcome !== SAME) seen.odd++;
      }
    }
    return { ...seen, present: [...present] };
  },

  /** Looks keys[from..to) up in turn, nothing else. */
  watch() {
    const seen = { lookups: 0, missed: 0, wrong: 0 };
    while (isOpen()) {
      for (let step = 0; step < ROUND; step++) {
        const i = from + (step % (to - from));
        const value = dataplane.fdbGet(keys[i]);
        if (value === NONE) seen.missed++;
        else if (!isOf(value, i)) seen.wrong++;
      }
      seen.lookups += ROUND;
    }
    return seen;
  },

  /** Learns and removes keys[from..to), one after the other: one of them is there at a time. */
  pass() {
    const seen = { learned: 0, odd: 0 };
    while (isOpen()) {
      for (let i = from; i < to; i++) {
        if (learn(i, 0) !== NEW) seen.odd++;
        if (dataplane.fdbRemove(worker, keys[i]) !== 1) seen.odd++;
      }
      seen.learned += to - from;
    }
    return seen;
  },

  /** Learns keys[from..to) once, as often as a lock is in the way. */
  learn() {
    const outcomes = {};
    for (let i = from; i < to; i++) {
      const outcome = learn(i, worker);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    return outcomes;
  },

  /** Moves keys[from..to) about. */
  flap() {
    const outcomes = {};
    while (isOpen()) {
      for (let step = 0; step < ROUND; step++) {
        const outcome = learn(from + below(to - from), below(16));
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    }
    return outcomes;
  },

  /** Learns keys[from..to) over and over. */
  relearn() {
    const outcomes = {};
    while (isOpen()) {
      for (let step = 0; step < ROUND; step++) {
        const outcome = learn(from + below(to - from), 0);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    }
    return outcomes;
  },
};

parentPort.postMessage("ready");
Atomics.wait(gateWord, 0, 0);
parentPort.postMessage(roles[role]());
