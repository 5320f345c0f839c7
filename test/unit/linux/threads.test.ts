import { spawn } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { allowInterrupts, interruptThread, readThread, threadId, threadIds } from "../../../control/linux/index.js";

it("takes it that a thread is gone", async () => {
  const child = spawn("true", { stdio: "ignore" });
  await once(child, "exit");
  expect(readThread(child.pid ?? 0)).toBeUndefined();
  expect(interruptThread(child.pid ?? 0)).toBe(false);
});

it("knows this thread", () => {
  expect(threadIds()).toContain(threadId());
  expect(readThread(threadId())).toMatchObject({ isRunnable: true, cpuMs: expect.any(Number) });
});

it("sees a thread work and wait, and gets it out of a system call", async () => {
  allowInterrupts();
  const code = `
    const koffi = require("koffi");
    const libc = koffi.load(null);
    const { parentPort, workerData } = require("node:worker_threads");
    parentPort.postMessage(libc.func("int gettid()")());
    while (Atomics.load(workerData, 0) === 0);
    libc.func("int pause()")();
    parentPort.postMessage("EINTR" + (koffi.errno() === 4));
  `;
  const mayWait = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(code, { eval: true, workerData: mayWait });
  const [thread] = (await once(worker, "message")) as [number];
  expect(threadIds()).toContain(thread);
  await expect.poll(() => readThread(thread)?.cpuMs).toBeGreaterThan(100);
  Atomics.store(mayWait, 0, 1);
  await expect.poll(() => readThread(thread)?.isRunnable).toBe(false);
  const exit = once(worker, "exit");
  let said: unknown;
  worker.once("message", (text) => {
    said = text;
  });
  // It may have been about to wait only: once more, then.
  const interrupt = () => {
    interruptThread(thread);
    return said;
  };
  await expect.poll(interrupt).toBe("EINTRtrue");
  await exit;
});
