// The parts of the Linux folder that work without special rights, against this machine's kernel.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { formatAddress, parseAddress } from "../../../control/address.js";
import { IO_EPOLL, ioPtr } from "../../../control/drivers/io-tables.js";
import {
  closeFd,
  createBell,
  createEpoll,
  describeHolder,
  drainBell,
  EPOLL_PORT,
  EPOLL_UNDERLAY,
  EPOLL_WAKE,
  EpollTable,
  epollAdd,
  epollRemove,
  errnoName,
  inNamespace,
  listInterfaces,
  lookUpRoute,
  missingCapabilities,
  remedyFor,
  ringBell,
  SyscallError,
  whoHasUdpPort,
} from "../../../control/linux/index.js";
import { findLink, getLink, readTxDropped, withNetlink } from "../../../control/linux/links.js";
import { attribute, attributeText, parseAttributes } from "../../../control/linux/netlink.js";
import { openReceiveSocket } from "../../../control/linux/sockets.js";
import { createMemory } from "../../../control/memory.js";

const open: number[] = [];
const keep = (fd: number) => {
  open.push(fd);
  return fd;
};
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

const address = (text: string) => {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(text);
  return bytes;
};
const loopback = address("127.0.0.1");

describe("errors", () => {
  test("carry the call, the errno and its name", () => {
    const error = new SyscallError("bind 10.0.0.1 port 4789", 98);
    expect(error).toMatchObject({ call: "bind 10.0.0.1 port 4789", errno: 98, code: "EADDRINUSE" });
    expect(error.message).toBe("bind 10.0.0.1 port 4789: EADDRINUSE");
  });

  test("names are the kernel's, also for aliases and what Node does not know", () => {
    expect([11, 77, 95, 90, 4000].map(errnoName)).toEqual(["EAGAIN", "EBADFD", "EOPNOTSUPP", "EMSGSIZE", "E4000"]);
  });

  test("a bad descriptor is reported by name", () => {
    expect(() => closeFd(-1)).toThrow(expect.objectContaining({ call: "close -1", code: "EBADF" }));
  });
});

describe("capabilities", () => {
  const status = (mask: string) =>
    `Name:\tnode\nCapInh:\t0000000000000000\nCapEff:\t${mask}\nCapBnd:\t000001ffffffffff\n`;

  const BOTH = ["CAP_NET_ADMIN", "CAP_NET_RAW"] as const;
  const FOR_PROGRAMS = ["CAP_BPF", "CAP_PERFMON"] as const;

  test("all there", () =>
    expect(missingCapabilities([...BOTH, ...FOR_PROGRAMS], status("000001ffffffffff"))).toEqual([]));
  test("none there", () => expect(missingCapabilities(BOTH, status("0000000000000000"))).toEqual(BOTH));
  test("bit 12 is NET_ADMIN, 13 is NET_RAW", () => {
    expect(missingCapabilities(BOTH, status("0000000000001000"))).toEqual(["CAP_NET_RAW"]);
    expect(missingCapabilities(BOTH, status("0000000000002000"))).toEqual(["CAP_NET_ADMIN"]);
  });
  test("bit 38 is PERFMON, 39 is BPF, and 21, SYS_ADMIN, has both", () => {
    expect(missingCapabilities(FOR_PROGRAMS, status("0000004000000000"))).toEqual(["CAP_BPF"]);
    expect(missingCapabilities(FOR_PROGRAMS, status("0000008000000000"))).toEqual(["CAP_PERFMON"]);
    expect(missingCapabilities(FOR_PROGRAMS, status("0000000000200000"))).toEqual([]);
    expect(missingCapabilities(BOTH, status("0000000000200000"))).toEqual(BOTH);
  });
  test("the remedy names what is missing, or says that it is something else", () => {
    expect(remedyFor(["CAP_BPF", "CAP_PERFMON"])).toMatch(
      /root.*AmbientCapabilities=CAP_BPF CAP_PERFMON;.*setcap cap_bpf,cap_perfmon\+ep/,
    );
    expect(remedyFor([])).toMatch(/seccomp/);
  });
});

describe("netlink attributes", () => {
  test("round-trip, padded to 4 bytes", () => {
    const bytes = Buffer.concat([attribute(3, Buffer.from("eth0\0")), attribute(4, Buffer.of(1, 2, 3, 4))]);
    expect(bytes.length).toBe(12 + 8);
    const parsed = parseAttributes(Buffer.concat([Buffer.alloc(16, 0xa5), bytes]), 16);
    expect(attributeText(parsed.get(3))).toBe("eth0");
    expect([...(parsed.get(4) ?? [])]).toEqual([1, 2, 3, 4]);
  });

  test("the nested flag is no part of the type", () => {
    expect([...parseAttributes(attribute(0x8012, Buffer.of(1))).keys()]).toEqual([0x12]);
  });

  test("what does not fit ends the list", () => {
    const bytes = Buffer.concat([attribute(1, Buffer.of(1)), attribute(2, Buffer.alloc(8))]);
    expect([...parseAttributes(bytes.subarray(0, bytes.length - 4)).keys()]).toEqual([1]);
    expect(parseAttributes(Buffer.alloc(3)).size).toBe(0);
    expect(parseAttributes(Buffer.alloc(8)).size).toBe(0); // a length of 0 would never end
  });
});

describe("interfaces", () => {
  test("are those that Node lists, with the same addresses, and more", () => {
    const byName = new Map(listInterfaces().map((link) => [link.name, link]));
    for (const [name, entries] of Object.entries(networkInterfaces())) {
      for (const { address: text, mac } of entries ?? []) {
        expect(byName.get(name)?.addresses.map((entry) => formatAddress(entry.address))).toContain(text);
        expect(byName.get(name)?.mac).toBe(mac);
      }
    }
    expect(byName.get("lo")).toMatchObject({ index: 1, kind: "" });
  });

  test("are found by name and index; an absent one is undefined", () => {
    withNetlink(undefined, (netlink) => {
      expect(findLink(netlink, "lo")?.index).toBe(1);
      expect(getLink(netlink, 1).name).toBe("lo");
      expect(findLink(netlink, "nosuchdevice")).toBeUndefined();
      expect(findLink(netlink, "a-name-that-is-too-long")).toBeUndefined();
      expect(() => getLink(netlink, 2 ** 30)).toThrow(expect.objectContaining({ code: "ENODEV" }));
      expect(readTxDropped(netlink, 1)).toBe(0);
    });
  });
});

describe("routes", () => {
  test("to an own address go through loopback", () => {
    const route = lookUpRoute(loopback);
    expect(route).toMatchObject({ interface: "lo", index: 1, isLocal: true });
    expect(route.mtu).toBeGreaterThan(1500);
    expect(route.gateway).toBeUndefined();
  });

  test("from an address that is not ours there are none", () => {
    expect(() => lookUpRoute(address("10.255.255.1"), address("203.0.113.9"))).toThrow(SyscallError);
  });
});

describe("namespaces", () => {
  test("without one the callback just runs", () => expect(inNamespace(undefined, () => 7)).toBe(7));
  test("an absent one is reported with its path, and the callback does not run", () => {
    let ran = false;
    const open = () => inNamespace("/run/netns/no-such-namespace", () => (ran = true));
    expect(open).toThrow(expect.objectContaining({ call: "open /run/netns/no-such-namespace", code: "ENOENT" }));
    expect(ran).toBe(false);
  });
});

describe("epoll and bells", () => {
  const memory = createMemory();
  const table = new EpollTable(memory, ioPtr(3) + IO_EPOLL, 4);

  test("a bell rings until it is drained; many rings are one", () => {
    const epoll = keep(createEpoll());
    const bell = keep(createBell());
    epollAdd(epoll, bell, EPOLL_WAKE, 0);
    expect(table.wait(epoll, 0)).toBe(0);
    ringBell(bell);
    ringBell(bell);
    expect(table.wait(epoll, -1)).toBe(1);
    expect([table.kind(0), table.id(0), table.events(0)]).toEqual([EPOLL_WAKE, 0, 1]);
    expect(drainBell(bell)).toBe(true);
    expect(drainBell(bell)).toBe(false);
    expect(table.wait(epoll, 0)).toBe(0);
  });

  test("tokens come back whole", () => {
    const epoll = keep(createEpoll());
    const tokens = [
      [EPOLL_PORT, 65535],
      [EPOLL_UNDERLAY, 0xfffffffe],
      [EPOLL_PORT, 1],
    ];
    for (const [kind, id] of tokens) {
      const bell = keep(createBell());
      epollAdd(epoll, bell, kind, id);
      ringBell(bell);
    }
    const count = table.wait(epoll, 1000);
    const seen = Array.from({ length: count }, (_, i) => [table.kind(i), table.id(i)]);
    expect(seen.sort()).toEqual(tokens.sort());
  });

  test("no more than the table holds, and what was removed no more", () => {
    const epoll = keep(createEpoll());
    const bells = Array.from({ length: 6 }, () => keep(createBell()));
    for (const bell of bells) {
      epollAdd(epoll, bell, EPOLL_PORT, bell);
      ringBell(bell);
    }
    expect(table.wait(epoll, 0)).toBe(4);
    for (const bell of bells.slice(1)) epollRemove(epoll, bell);
    expect(table.wait(epoll, 0)).toBe(1);
    expect(table.id(0)).toBe(bells[0]);
    expect(() => epollRemove(epoll, bells[1])).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});

describe("UDP ports", () => {
  test("the first socket wants the port for itself, the next ones share it", async () => {
    const other = createSocket("udp4").bind(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address();
    const take = (join: boolean) => openReceiveSocket({ local: loopback, port, join });
    expect(() => take(false)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    expect(whoHasUdpPort(port)).toMatchObject({ kind: "process", pid: process.pid });
    other.close();
    keep(take(false));
    keep(take(true));
    expect(() => take(false)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
  });

  test("nobody has a free one", async () => {
    const other = createSocket("udp4").bind(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address();
    other.close();
    await once(other, "close");
    expect(whoHasUdpPort(port)).toBeUndefined();
  });

  test("holders are described for a message", () => {
    expect(describeHolder({ kind: "vxlan", device: "vx0" })).toBe("the kernel's vxlan device vx0");
    expect(describeHolder({ kind: "process", pid: 12, command: "socat" })).toBe("socat (process 12)");
  });
});
