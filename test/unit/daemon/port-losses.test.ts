// Frames that ports lose before a worker sees them: those of ports that are open, about to close, and gone.

import { expect, it } from "vitest";
import { PortLosses } from "../../../control/daemon/port-losses.js";
import { SyscallError } from "../../../control/linux/index.js";

const NETWORK = 3;
const ENODEV = 19;

const portOf = (dropped: { frames: number; isGone?: boolean }) => ({
  index: 1,
  readTxDropped: () => {
    if (dropped.isGone === true) throw new SyscallError("RTM_GETLINK", ENODEV);
    return dropped.frames;
  },
});

it("count on until a port is closed, and what its queue held then", () => {
  const losses = new PortLosses();
  const dropped = { frames: 7, isGone: false }; // before it was ours
  const tap = portOf(dropped);
  const port = { tap, loss: losses.begin(tap) };
  const lost = (open = [port]) => losses.read(NETWORK, open, 1).lost;
  expect(lost()).toBe(0);
  dropped.frames = 10;
  expect(lost()).toBe(3);
  const close = losses.closing(NETWORK, port);
  expect(lost([])).toBe(3);
  dropped.frames = 12; // nobody reads it now
  expect(lost([])).toBe(5);
  dropped.isGone = true;
  close(4);
  expect(lost([])).toBe(9);
  expect(losses.read(NETWORK + 1, [], 1).lost).toBe(0);
});

it("of a network that is gone are no other's with its id", () => {
  const losses = new PortLosses();
  const tap = portOf({ frames: 0 });
  const close = losses.closing(NETWORK, { tap, loss: losses.begin(tap) });
  losses.forget(NETWORK);
  close(4);
  expect(losses.read(NETWORK, [], 0)).toEqual({ lost: 0, tooBig: 0 });
});
