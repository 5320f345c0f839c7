// Priorities of processes of its own: this one's is not a test's to lower.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { getPriority } from "node:os";
import { expect, it, onTestFinished, vi } from "vitest";
import { lowerPriority, ownNice, raiseOwnPriority, raiseSession, sessionNice } from "../../../control/linux/index.js";

const setPriority = vi.hoisted(() => vi.fn<(pid: number, priority: number) => void>());
vi.mock("node:os", async (importOriginal) => {
  const os = await importOriginal<typeof import("node:os")>();
  setPriority.mockImplementation(os.setPriority);
  return { ...os, setPriority };
});

const hasSessions = existsSync("/proc/self/autogroup");

async function startSleep(options: { detached: boolean }): Promise<number> {
  const child = spawn("sleep", ["60"], { stdio: "ignore", ...options });
  onTestFinished(() => void child.kill());
  await once(child, "spawn");
  return child.pid ?? 0;
}

it("lowers a priority, and never raises one", async () => {
  const pid = await startSleep({ detached: false });
  const before = getPriority(pid);
  const low = Math.min(19, before + 7);
  lowerPriority([pid], low);
  expect(getPriority(pid)).toBe(low);
  lowerPriority([pid], before);
  expect(getPriority(pid)).toBe(low);
});

it("takes it that a thread is gone", async () => {
  const child = spawn("true", { stdio: "ignore" });
  await once(child, "exit");
  lowerPriority([child.pid ?? 0], 19);
  expect(raiseSession(child.pid ?? 0, -5)).toBe(false);
});

it("takes it that it may not change a thread's", () => {
  setPriority.mockImplementationOnce(() => {
    throw Object.assign(new Error("a filter of system calls"), { info: { code: "EPERM" } });
  });
  lowerPriority([process.pid], 19);
  expect(setPriority).toHaveBeenCalledWith(process.pid, 19);
});

it("may have the priority that it has", () => {
  expect(raiseOwnPriority(ownNice())).toBe(true);
});

it("raises the session of who leads it, and never lowers it", async () => {
  const leader = await startSleep({ detached: true });
  const before = hasSessions && sessionNice(leader);
  const isRaised = raiseSession(leader, -5); // root may, in most containers not
  const nice = hasSessions && sessionNice(leader);
  expect([isRaised, nice]).toEqual(isRaised ? [true, -5] : [false, before]);
  raiseSession(leader, 5);
  expect(hasSessions && sessionNice(leader)).toBe(nice);
});

it("leaves a session alone that somebody else leads", async () => {
  const member = await startSleep({ detached: false });
  const before = hasSessions && sessionNice(member);
  expect(raiseSession(member, -5)).toBe(false);
  expect(hasSessions && sessionNice(member)).toBe(before);
});
