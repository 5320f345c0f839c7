// The interfaces behind ports: what is made again after somebody has deleted it, and what is left when that goes wrong half-way.

import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Device, PortDevices } from "../../../control/daemon/port-devices.js";
import { closeFd, createBell, createEpoll, SyscallError, type TapOptions } from "../../../control/linux/index.js";
import { portQueue } from "../../../control/tables/records.js";
import * as L from "../../../dataplane-wasm/layout.js";
import { createFixture, type Fixture, portSpec, settle, spec } from "../tables/fixture.js";

const VNI = 100;
const OURS = "02:00:00:00:00:01";
const ENODEV = 19;

let fixture: Fixture;
let ports: PortDevices;
let open: Set<Device>;
let refuseStatistics: boolean;

const openDevice = ({ name, mac: wanted }: TapOptions): Device => {
  const isGone = refuseStatistics;
  const queueFds = [createBell(), createBell()];
  const device: Device = {
    name,
    index: 0,
    mac: wanted ?? OURS,
    queueFds,
    isAttached: true,
    readTxDropped: () => {
      if (isGone) throw new SyscallError("RTM_GETLINK", ENODEV);
      return 0;
    },
    setMtu: () => {},
    release: () => {
      open.delete(device);
      for (const fd of queueFds) closeFd(fd);
    },
  };
  open.add(device);
  return device;
};

beforeEach(async () => {
  fixture = await createFixture({ workers: 2 });
  const epolls = [createEpoll(), createEpoll()];
  onTestFinished(() => {
    for (const epoll of epolls) closeFd(epoll);
  });
  open = new Set();
  refuseStatistics = false;
  const workers = { count: 2, epoll: (worker: number) => epolls[worker] };
  const offloads = { isAllowed: true, portOpened: () => {} };
  ports = new PortDevices(fixture.tables, workers, offloads, undefined, openDevice);
  const network = fixture.tables.networks.add(spec(VNI));
  ports.open(network, [{ name: "p", driver: "tap", queues: "auto", mac: OURS, persistent: false }]);
});

const device = () => ports.find("p");
const queues = () => [0, 1].map((worker) => portQueue(fixture.memory, device()?.port.id ?? 0, worker));

describe("a port whose interface was deleted", () => {
  it("gets another, which the workers have, and the old one is closed", () => {
    const before = device()?.tap;
    ports.reopen("p");
    settle(fixture);
    expect(device()?.tap).not.toBe(before);
    expect([...open]).toEqual([device()?.tap]);
    expect(queues()).toEqual(device()?.tap.queueFds);
  });

  it("keeps what it has if the new one is deleted before its statistics are read, and leaks nothing", () => {
    const before = device();
    refuseStatistics = true;
    expect(() => ports.reopen("p")).toThrow("RTM_GETLINK");
    settle(fixture);
    expect(device()).toBe(before);
    expect([...open]).toEqual([before?.tap]);
    expect(queues()).toEqual(before?.tap.queueFds);

    refuseStatistics = false;
    ports.reopen("p");
    settle(fixture);
    expect([...open]).toEqual([device()?.tap]);
    expect(queues()).toEqual(device()?.tap.queueFds);
  });

  it("is tried again if the workers cannot wait for the new one", () => {
    const before = device();
    const makeShort = fixture.tables.ports.setQueues.bind(fixture.tables.ports);
    fixture.tables.ports.setQueues = (port, fds) => {
      if (fds.length > 0) throw new SyscallError("epoll_ctl", 28);
      makeShort(port, fds);
    };
    expect(() => ports.reopen("p")).toThrow("epoll_ctl");
    settle(fixture);
    expect(device()).toBe(before);
    expect([...open]).toEqual([before?.tap]);

    fixture.tables.ports.setQueues = makeShort;
    ports.reopen("p");
    settle(fixture);
    expect([...open]).toEqual([device()?.tap]);
    expect(queues()).toEqual(device()?.tap.queueFds);
  });
});

describe("a port that was taken out of its network", () => {
  it("stays out of it, though its interface tells another MTU before it is closed", () => {
    const { tables } = fixture;
    const [port] = tables.ports.add(VNI, [portSpec("q", "02:00:00:00:00:11")]);
    const flags = (L.ATTACHMENTS + port.attachment * L.ATTACHMENT_SIZE + L.ATTACHMENT_FLAGS) / 4;
    expect(fixture.memory.u32[flags]).toBe(L.ATTACHMENT_FLAG_LIVE);
    tables.ports.remove(VNI, "q");
    tables.ports.setPortMtu(port, 1400);
    expect(fixture.memory.u32[flags]).toBe(0);
  });
});
