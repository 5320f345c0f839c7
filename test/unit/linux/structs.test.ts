// Kernel structures: our offsets against those that koffi derives from the C declarations by a C compiler's rules.

import koffi, { type TypeObject } from "koffi";
import { describe, expect, test } from "vitest";
import * as structs from "../../../control/linux/structs.js";

type Members = Record<string, string | TypeObject>;

const bytes = (count: number) => koffi.array("uint8_t", count);
const sockaddr = koffi.struct({ sa_family: "uint16_t", sa_data: bytes(14) });
const msghdr = koffi.struct({
  name: "void *",
  nameLen: "uint32_t",
  iov: "void *",
  iovLen: "size_t",
  control: "void *",
  controlLen: "size_t",
  flags: "int",
});
const ifru = koffi.union({ flags: "int16_t", mtu: "int", hwaddr: sockaddr, map: bytes(24) });

/** Declarations as in the kernel's headers, and our name for each offset. */
const cases: [string, Members, number, Record<string, number>][] = [
  [
    "iovec",
    { base: "void *", len: "size_t" },
    structs.IOVEC_SIZE,
    { base: structs.IOVEC_BASE, len: structs.IOVEC_LEN },
  ],
  ["mmsghdr", { header: msghdr, len: "uint32_t" }, structs.MMSG_SIZE, { header: 0, len: structs.MMSG_LEN }],
  [
    "sockaddr_in",
    { family: "uint16_t", port: "uint16_t", addr: "uint32_t", zero: bytes(8) },
    structs.SOCKADDR_IN_SIZE,
    { family: structs.SIN_FAMILY, port: structs.SIN_PORT, addr: structs.SIN_ADDR },
  ],
  [
    "sockaddr_in6",
    { family: "uint16_t", port: "uint16_t", flow: "uint32_t", addr: bytes(16), scope: "uint32_t" },
    structs.SOCKADDR_IN6_SIZE,
    { port: structs.SIN6_PORT, addr: structs.SIN6_ADDR, scope: structs.SIN6_SCOPE },
  ],
  [
    "sockaddr_nl",
    { family: "uint16_t", pad: "uint16_t", pid: "uint32_t", groups: "uint32_t" },
    structs.SOCKADDR_NL_SIZE,
    {},
  ],
  [
    "ip_mreqn",
    { group: "uint32_t", local: "uint32_t", index: "int" },
    structs.MREQN_SIZE,
    { group: structs.MREQN_GROUP, index: structs.MREQN_IFINDEX },
  ],
  [
    "ipv6_mreq",
    { group: bytes(16), index: "int" },
    structs.MREQ6_SIZE,
    { group: structs.MREQ6_GROUP, index: structs.MREQ6_IFINDEX },
  ],
  ["ifreq", { name: bytes(16), u: ifru }, structs.IFREQ_SIZE, { name: structs.IFREQ_NAME, u: structs.IFREQ_FLAGS }],
  ["sock_filter", { code: "uint16_t", jt: "uint8_t", jf: "uint8_t", k: "uint32_t" }, structs.SOCK_FILTER_SIZE, {}],
  ["sock_fprog", { len: "uint16_t", filter: "void *" }, structs.SOCK_FPROG_SIZE, { filter: structs.SOCK_FPROG_FILTER }],
  [
    "nlmsghdr",
    { len: "uint32_t", type: "uint16_t", flags: "uint16_t", seq: "uint32_t", pid: "uint32_t" },
    structs.NLMSG_HDRLEN,
    { len: structs.NLMSG_LEN, type: structs.NLMSG_TYPE, flags: structs.NLMSG_FLAGS, seq: structs.NLMSG_SEQ },
  ],
  ["rtattr", { len: "uint16_t", type: "uint16_t" }, structs.RTA_DATA, { len: structs.RTA_LEN, type: structs.RTA_TYPE }],
  [
    "ifinfomsg",
    { family: "uint8_t", pad: "uint8_t", type: "uint16_t", index: "int", flags: "uint32_t", change: "uint32_t" },
    structs.IFINFO_SIZE,
    { type: structs.IFINFO_TYPE, index: structs.IFINFO_INDEX, flags: structs.IFINFO_FLAGS },
  ],
  [
    "ifaddrmsg",
    { family: "uint8_t", prefix: "uint8_t", flags: "uint8_t", scope: "uint8_t", index: "uint32_t" },
    structs.IFADDR_SIZE,
    { family: structs.IFADDR_FAMILY, prefix: structs.IFADDR_PREFIX_LEN, index: structs.IFADDR_INDEX },
  ],
  [
    "rtmsg",
    {
      family: "uint8_t",
      dstLen: "uint8_t",
      srcLen: "uint8_t",
      tos: "uint8_t",
      table: "uint8_t",
      protocol: "uint8_t",
      scope: "uint8_t",
      type: "uint8_t",
      flags: "uint32_t",
    },
    structs.RTMSG_SIZE,
    {
      family: structs.RTMSG_FAMILY,
      dstLen: structs.RTMSG_DST_LEN,
      srcLen: structs.RTMSG_SRC_LEN,
      type: structs.RTMSG_TYPE,
    },
  ],
  [
    "if_stats_msg",
    { family: "uint8_t", pad1: "uint8_t", pad2: "uint16_t", index: "uint32_t", filter: "uint32_t" },
    structs.IFSTATS_SIZE,
    { index: structs.IFSTATS_INDEX, filter: structs.IFSTATS_FILTER },
  ],
];

describe("kernel structures", () => {
  test.each(cases)("struct %s", (_name, members, size, offsets) => {
    const type = koffi.struct(members);
    expect(size).toBe(koffi.sizeof(type));
    const expected = Object.keys(offsets).map((member) => [member, koffi.offsetof(type, member)]);
    expect(offsets).toEqual(Object.fromEntries(expected));
  });

  test("struct msghdr, inside mmsghdr", () => {
    expect({
      name: structs.MMSG_NAME,
      nameLen: structs.MMSG_NAME_LEN,
      iov: structs.MMSG_IOVECS,
      iovLen: structs.MMSG_IOVEC_COUNT,
      control: structs.MMSG_CONTROL,
      controlLen: structs.MMSG_CONTROL_LEN,
      flags: structs.MMSG_FLAGS,
    }).toEqual(
      Object.fromEntries(
        ["name", "nameLen", "iov", "iovLen", "control", "controlLen", "flags"].map((member) => [
          member,
          koffi.offsetof(msghdr, member),
        ]),
      ),
    );
  });

  test("struct cmsghdr: data follows, 8-byte aligned", () => {
    const type = koffi.struct({ len: "size_t", level: "int", type: "int" });
    expect(structs.CMSG_DATA).toBe(koffi.sizeof(type));
    expect([structs.CMSG_LEN, structs.CMSG_LEVEL, structs.CMSG_TYPE]).toEqual([0, 8, 12]);
    expect(structs.CMSG_ALIGN).toBe(koffi.sizeof("size_t"));
  });

  test("struct epoll_event is packed on x86-64 only", () => {
    const members = { events: "uint32_t", data: "uint64_t" };
    const type = process.arch === "x64" ? koffi.pack(members) : koffi.struct(members);
    expect(structs.EPOLL_EVENT_SIZE).toBe(koffi.sizeof(type));
    expect(structs.EPOLL_DATA).toBe(koffi.offsetof(type, "data"));
    expect(structs.EPOLL_EVENTS).toBe(0);
  });
});
