// What is said of frames that an xdp port's rings cannot take: when it begins, how often it is logged, and when it is over.

import { pino } from "pino";
import { expect, it } from "vitest";
import { Problems } from "../../../control/daemon/problems.js";
import { TooBigReport } from "../../../control/daemon/too-big.js";
import type { XdpAttachment } from "../../../control/daemon/xdp-attachment.js";

const attachmentOf = (name: string, port: number): XdpAttachment => ({
  wanted: { name, port },
  fault: undefined,
  ifIndex: 1,
  mtu: 1500,
  isNative: false,
  isZeroCopy: false,
  queueCount: 1,
});

it("names the port while frames are lost, and a minute longer", () => {
  const problems = new Problems(pino({ level: "silent" }));
  const [underlay, port] = [attachmentOf("eth0", 0), attachmentOf("veth0", 3)];
  const all = [underlay, port];
  const tooBig = new Map([[underlay, 7]]);
  const xdp = { all: () => all, readLost: (of: XdpAttachment) => ({ lost: 5, tooBig: tooBig.get(of) ?? 0 }) };
  const report = new TooBigReport(xdp, problems);
  const messages = () => problems.list().map(({ message }) => message);

  report.tick(0);
  expect(messages()).toEqual([]);
  tooBig.set(port, 2);
  report.tick(1000);
  expect(messages()).toEqual([expect.stringMatching(/^port veth0: 2 frames .*ethtool -K DEVICE tso off gso off$/)]);
  tooBig.set(port, 3);
  report.tick(30_000);
  report.tick(80_000);
  expect(messages()).toEqual([expect.stringMatching(/^port veth0: 3 frames/)]);
  report.tick(90_000);
  expect(messages()).toEqual([]);
  tooBig.set(port, 4);
  report.tick(91_000);
  expect(messages()).toHaveLength(1);
  all.pop();
  report.tick(92_000);
  expect(messages()).toEqual([]);
});
