// The Linux folder inside network namespaces, with the rights of root: entering and leaving, interfaces and routes, and
// what is said when an underlay cannot be opened.

import { readlinkSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { formatAddress, parseAddress } from "../../control/address.js";
import { inNamespace, LinkEvents, listInterfaces, lookUpRoute } from "../../control/linux/index.js";
import { createLab, kernelVxlan, overlayAddress, twoHosts, UNDERLAY } from "../support/netns.js";
import { namespaceFile, openDescriptors, PORT, underlayOf } from "./driver-lab.js";

describe("namespaces", () => {
  test("are left again, whatever happens inside", async () => {
    const [host] = await twoHosts(await createLab());
    const own = readlinkSync("/proc/thread-self/ns/net");
    const inside = inNamespace(namespaceFile(host), () => readlinkSync("/proc/thread-self/ns/net"));
    expect(inside).not.toBe(own);
    const fail = () => {
      throw new Error("inside");
    };
    expect(() => inNamespace(namespaceFile(host), fail)).toThrow("inside");
    expect(() => inNamespace(namespaceFile(host), async () => 0)).toThrow("must not wait");
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(own);
  });

  test("have interfaces of their own, up or down, and routes", async () => {
    const [host] = await twoHosts(await createLab());
    const netns = namespaceFile(host);
    await host.ns.ip(
      "link add quiet0 type bridge",
      `route add 198.51.100.0/24 via 10.99.0.2`,
      `route add 198.51.100.7 via 10.99.0.2 mtu 1300`,
    );
    const links = listInterfaces(netns);
    expect(links.find(({ name }) => name === "quiet0")).toMatchObject({ kind: "bridge", isUp: false, addresses: [] });
    const under = links.find(({ name }) => name === UNDERLAY);
    expect(under).toMatchObject({ kind: "veth", isUp: true, mtu: 1500 });
    expect(under?.addresses.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`)).toContain(
      `${host.address}/24`,
    );

    const way = (text: string) => lookUpRoute(parseAddress(text) ?? new Uint8Array(16), undefined, netns);
    const direct = way("10.99.0.2");
    expect(direct).toMatchObject({ interface: UNDERLAY, index: under?.index, mtu: 1500, isLocal: false });
    expect(formatAddress(direct.source ?? new Uint8Array(16))).toBe(host.address);
    expect(direct.gateway).toBeUndefined();
    expect(formatAddress(way("198.51.100.1").gateway ?? new Uint8Array(16))).toBe("10.99.0.2");
    expect([way("198.51.100.1").mtu, way("198.51.100.7").mtu]).toEqual([1500, 1300]);
    expect(() => way("203.0.113.1")).toThrow(expect.objectContaining({ call: "RTM_GETROUTE", code: "ENETUNREACH" }));
  });
});

test("a route that changes with its nexthop object is told", async () => {
  const [host] = await twoHosts(await createLab());
  await host.ns.ip(`nexthop add id 7 via 10.99.0.2 dev ${UNDERLAY}`, "route add 198.51.100.0/24 nhid 7");
  const events = new LinkEvents(namespaceFile(host), "routes");
  onTestFinished(() => events.close());
  // Addresses settle first.
  await expect.poll(() => events.changed(), { interval: 500 }).toBe(false);
  await host.ns.ip(`nexthop replace id 7 via 10.99.0.3 dev ${UNDERLAY}`);
  await expect.poll(() => events.changed()).toBe(true);
});

describe("opening an underlay", () => {
  test("names the kernel's vxlan device, or the process, that has the port", async () => {
    const [a] = await twoHosts(await createLab());
    const device = await kernelVxlan(a, { vni: 5, overlay: overlayAddress(1), quiet: true });
    const before = openDescriptors();
    const taken = (holder: string) =>
      expect.objectContaining({
        code: "ERR_HOST_PORT_TAKEN",
        message: `UDP port ${PORT} on ${a.address} is taken by ${holder}`,
      });
    expect(() => underlayOf(a)).toThrow(taken(`the kernel's vxlan device ${device.device}`));
    expect(openDescriptors()).toEqual(before);
    await a.ns.ip(`link delete ${device.device}`);
    const underlay = underlayOf(a);
    expect(() => underlayOf(a)).toThrow(taken(`node (process ${process.pid})`));
    underlay.close();
    expect(openDescriptors()).toEqual(before);
  });

  test("says that an IPv6 address is still being checked for duplicates", async () => {
    const [a] = await twoHosts(await createLab(), { family: 6 });
    await a.ns.sysctl("net/ipv6/conf/all/accept_dad=1", `net/ipv6/conf/${UNDERLAY}/accept_dad=1`);
    await a.ns.sysctl(`net/ipv6/conf/${UNDERLAY}/dad_transmits=100`);
    await a.ns.ip(`addr add fd99::77/64 dev ${UNDERLAY}`);
    expect(() => underlayOf(a, { local: "fd99::77" })).toThrow(/fd99::77 cannot be used yet/);
  });

  test("refuses an address or an interface that the host does not have", async () => {
    const [a] = await twoHosts(await createLab());
    expect(() => underlayOf(a, { local: "192.0.2.77" })).toThrow(
      expect.objectContaining({ code: "ERR_HOST_ADDRESS", message: "this host does not have the address 192.0.2.77" }),
    );
    expect(() => underlayOf(a, { interface: "eth7" })).toThrow(
      expect.objectContaining({ code: "ERR_HOST_INTERFACE", message: "there is no interface eth7" }),
    );
  });
});
