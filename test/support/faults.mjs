// What a test does to a daemon from inside, without a hook in the product: loaded in front of it by `node --import`, it
// waits for SIGUSR2 and then does what VXTEST_FAULT says.
//
//   block   keeps the main thread busy for three seconds, as a huge call or a garbage collection might
//   kill    ends the first worker thread there and then
//   loop    the worker that has the next batch takes a lock of the FDB, and goes round for ever
//   wait    the same, but it waits in a system call that never returns
//   refuse  from then on the kernel refuses what only an offload can send, trains of datagrams and tunnelled super-frames, with the
//           errno in VXTEST_ERRNO
//
// Each worker thread loads this file, too; two of them wrap the compiled module there, and the last one the functions of libc.
//
// The log tells what happens, and each time that the daemon looks after its workers: how late it sees something is counted in its own
// looks, because on a busy machine all clocks run on while nobody gets a core.

import { createRequire, syncBuiltinESMExports } from "node:module";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";
import koffi from "koffi";
import { FDB_LOCKS } from "../../dist/dataplane-wasm/layout.js";

const BLOCK_MS = 3000;
const TICK_MS = 250; // the daemon's
const LOCK = 7;
const KEY = "vxtest";
/* struct msghdr, struct iovec, struct virtio_net_hdr */
const MSG_CONTROL_LEN = 40;
const IOV_BASE = 0;
const GSO_TYPE = 1;
const GSO_UDP_TUNNEL = 0x60;
const fault = process.env.VXTEST_FAULT;
const require = createRequire(import.meta.url);

const hangs = {
  loop() {
    for (;;);
  },
  wait: () => koffi.load(null).func("int pause()")(),
};

function say(msg) {
  require("node:fs").writeSync(2, `${JSON.stringify({ msg, time: new Date().toISOString() })}\n`);
}

if (isMainThread) watch();
else if (fault === "refuse") wrapLibc(new Int32Array(getEnvironmentData(KEY)), Number(process.env.VXTEST_ERRNO));
else if (fault in hangs) wrap(new Int32Array(getEnvironmentData(KEY)), hangs[fault]);

function watch() {
  const threads = [];
  const workerThreads = require("node:worker_threads");
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(...parameters) {
      super(...parameters);
      threads.push(this);
    }
  };
  syncBuiltinESMExports();
  const { setInterval } = globalThis;
  globalThis.setInterval = (look, ms, ...rest) => {
    const told = () => {
      say("looks after its workers");
      look(...rest);
    };
    return ms === TICK_MS ? setInterval(told, ms) : setInterval(look, ms, ...rest);
  };
  const isWanted = new Int32Array(new SharedArrayBuffer(4));
  setEnvironmentData(KEY, isWanted.buffer);
  const want = () => Atomics.store(isWanted, 0, 1);
  const faults = {
    block() {
      say("stands still from now on");
      for (const end = performance.now() + BLOCK_MS; performance.now() < end; );
      say("goes on");
    },
    kill() {
      say("is killed now");
      threads.shift()?.terminate();
    },
    loop: want,
    wait: want,
    refuse: want,
  };
  process.on("SIGUSR2", faults[fault]);
}

function wrapLibc(isWanted, errno) {
  const needsOffload = {
    sendmmsg: (messages) => koffi.decode(messages, MSG_CONTROL_LEN, "uint64") !== 0,
    writev: (iovecs) =>
      (koffi.decode(koffi.decode(iovecs, IOV_BASE, "uint64"), GSO_TYPE, "uint8") & GSO_UDP_TUNNEL) !== 0,
  };
  const { load } = koffi;
  koffi.load = (path) => {
    const library = load(path);
    const func = (prototype, ...more) => {
      const original = library.func(prototype, ...more);
      const isRefused = needsOffload[/\w+(?=\()/.exec(prototype)?.[0]];
      if (isRefused === undefined) return original;
      return (fd, pointer, ...rest) => {
        if (Atomics.load(isWanted, 0) === 0 || !isRefused(pointer)) return original(fd, pointer, ...rest);
        koffi.errno(errno);
        return -1;
      };
    };
    return { func };
  };
}

function wrap(isWanted, hang) {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (module, imports) => {
    const { exports } = await instantiate(module, imports);
    const locks = new Uint32Array(imports.env.memory.buffer, FDB_LOCKS);
    const faulty = (batch) => (worker, count) => {
      if (Atomics.compareExchange(isWanted, 0, 1, 0) === 1) {
        Atomics.store(locks, LOCK, worker + 1);
        say("hangs from now on");
        hang();
      }
      return batch(worker, count);
    };
    const wrapped = { ...exports, encapBatch: faulty(exports.encapBatch), decapBatch: faulty(exports.decapBatch) };
    return { exports: wrapped };
  };
}
