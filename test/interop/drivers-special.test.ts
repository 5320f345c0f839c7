// The udp driver where the kernel does the unexpected: multicast groups, and super-frames of a peer on the same machine.

import { expect, onTestFinished, test } from "vitest";
import { UdpUnderlay } from "../../control/drivers/udp.js";
import { type GroupSocket, openUnderlay, type Underlay, type UnderlayOptions } from "../../control/linux/index.js";
import { createMemory } from "../../control/memory.js";
import { SEND_OK } from "../../dataplane-wasm/layout.js";
import { concat, filler, hex } from "../support/bytes.js";
import { ethernet, ipv4, ipv6, TCP_FLAG, tcp, udp } from "../support/frames.js";
import {
  createLab,
  type Host,
  hostsOnSwitch,
  kernelVxlan,
  overlayAddress,
  twoHosts,
  UNDERLAY,
} from "../support/netns.js";
import { drops, writeOutput } from "../unit/drivers/support.js";
import { type Input, namespaceFile, receiveAll, receiveInputs } from "./driver-lab.js";

const PORT = 4789;
const MAC = "02:00:00:00:00:01";
const INNER_IPV4 = 8 + 14; // of the payload: behind the VXLAN and the inner Ethernet header
const memory = createMemory();

/** A worker's driver over an underlay of `host`, closed with the test. */
function open(host: Host, options: Partial<UnderlayOptions> = {}): { underlay: Underlay; driver: UdpUnderlay } {
  const underlay = openUnderlay({
    local: host.address,
    port: PORT,
    workers: 1,
    netns: namespaceFile(host),
    ...options,
  });
  onTestFinished(() => underlay.close());
  const driver = new UdpUnderlay(
    memory,
    0,
    { sendFd: underlay.sendFds[0], isIpv6: underlay.isIpv6, trainSockets: 4 },
    () => 0,
  );
  return { underlay, driver };
}

const all = (driver: UdpUnderlay, source: number, count = 0) =>
  receiveAll(memory, 0, () => driver.receive(source, 256), count);
const payloads = (inputs: readonly Input[]) => inputs.map(({ payload }) => payload);

const groups = [
  { family: 4, joined: "239.1.1.1", other: "239.1.1.2" },
  { family: 6, joined: "ff05::4:1", other: "ff05::4:2" },
] as const;

test.each(groups)("a group over IPv$family: what is sent to it arrives once, on its socket only", async (setting) => {
  const { family, joined, other } = setting;
  const [a, b] = await hostsOnSwitch(await createLab(), 2, { family });
  // The receiver also has a group socket for another group, and a worker more: none of them may get a copy.
  const { underlay, driver } = open(b, { interface: UNDERLAY, workers: 2 });
  const socket = underlay.joinGroup(joined);
  const second = underlay.joinGroup(other);
  // By its routes the sender would take another interface.
  await a.ns.ip("link add other0 type bridge", "link set other0 up");
  await a.ns.ip(
    family === 4 ? "route add 239.0.0.0/8 dev other0" : "route add ff05::/16 dev other0 table local metric 1",
  );
  const sender = open(a, { interface: UNDERLAY });
  const ownSocket = sender.underlay.joinGroup(joined);

  const inner = filler(200);
  const send = (group: string) => sendEncapsulated(sender.driver, a.address, group, inner);
  /** What comes to the first of these sockets, which is so much, and to the others. */
  const seenBy = async (count: number, ...sockets: (GroupSocket | number)[]) => {
    const fds = sockets.map((entry) => (typeof entry === "number" ? entry : entry.fd));
    const seen: Input[][] = [];
    for (const [i, fd] of fds.entries()) seen.push(await all(driver, fd, i === 0 ? count : 0));
    return seen;
  };

  send(joined);
  const [onGroup, ...elsewhere] = await seenBy(1, socket, second, ...underlay.receiveFds);
  expect(payloads(onGroup)).toEqual([`0800000000006400${hex(inner)}`]);
  expect(onGroup[0]).toMatchObject({ outerTtl: 8, outerPort: 50000 });
  expect(elsewhere.flat()).toEqual([]);
  expect(await all(sender.driver, ownSocket.fd)).toEqual([]); // no copy to the sender itself

  send(other);
  expect((await seenBy(1, second, socket)).map((inputs) => inputs.length)).toEqual([1, 0]);
  second.close();
  send(other);
  expect((await seenBy(0, socket, ...underlay.receiveFds)).flat()).toEqual([]);
  const again = underlay.joinGroup(other);
  send(other);
  expect((await seenBy(1, again)).flat().length).toBe(1);
  expect(underlay.readLost()).toBe(0);
});

test("more groups than one socket could join; a group twice, or without an interface, is refused", async () => {
  const [a] = await twoHosts(await createLab());
  const { underlay } = open(a, { interface: UNDERLAY });
  for (let i = 1; i <= 50; i++) underlay.joinGroup(`239.2.0.${i}`);
  const joined = await a.ns.show<{ maddr: { address?: string }[] }[]>("maddress", "show", "dev", UNDERLAY);
  expect(joined[0].maddr.filter(({ address }) => address?.startsWith("239.2.0.")).length).toBe(50);
  expect(() => underlay.joinGroup("239.2.0.7")).toThrow(expect.objectContaining({ code: "ERR_CONFLICT" }));
  underlay.close();
  const plain = open(a).underlay;
  expect(() => plain.joinGroup("239.1.1.1")).toThrow(expect.objectContaining({ code: "ERR_HOST_INTERFACE" }));
});

test("the kernel's TCP super-frames arrive as one datagram each", async () => {
  const [a, b] = await twoHosts(await createLab());
  const { underlay, driver } = open(a);
  const peer = await superFramePeer(b, a);
  // One that paces itself would send segment by segment to somebody who answers late.
  await b.ns.sysctl("net/ipv4/tcp_congestion_control=reno");
  const isTcp = ({ payload }: Input) => payload.slice(2 * (INNER_IPV4 + 9), 2 * (INNER_IPV4 + 10)) === "06";
  const receive = () => driver.receive(underlay.receiveFds[0], 256);

  const sending = b.agent.call("tcpSend", "192.168.0.1", 5001, { bytes: 100_000 });
  sending.catch(() => undefined); // nobody takes more than the first window: it ends with the lab
  const [syn] = await receiveInputs(memory, 0, receive, 1, isTcp);
  const tcpAt = INNER_IPV4 + 20;
  const bytes = Buffer.from(syn.payload, "hex");
  const answer = tcp(
    {
      srcPort: 5001,
      dstPort: bytes.readUInt16BE(tcpAt),
      seq: 1,
      ack: bytes.readUInt32BE(tcpAt + 4) + 1,
      flags: TCP_FLAG.syn | TCP_FLAG.ack,
      options: Uint8Array.of(2, 4, 5, 120), // MSS 1400
    },
    new Uint8Array(0),
  );
  const inner = ethernet(
    { dst: peer.overlay.mac, src: MAC },
    ipv4({ src: "192.168.0.1", dst: peer.overlay.ipv4 }, answer),
  );
  sendEncapsulated(driver, a.address, b.address, inner);

  // The initial window is ten segments: one super-frame, or a few.
  const inputs = await receiveInputs(memory, 0, receive, 1, (input) => isTcp(input) && input.payload.length > 2 * 200);
  const [first] = inputs.map(({ payload }) => Buffer.from(payload, "hex"));
  expect(first.length).toBeGreaterThan(2 * 1400);
  expect(first.readUInt16BE(INNER_IPV4 + 2)).toBe(first.length - INNER_IPV4); // the inner packet says so itself
  expect(inputs[0].flags).toBe(0);
});

test("the kernel's inner UDP super-frames are cut before a socket sees them", async () => {
  const [a, b] = await twoHosts(await createLab());
  const { underlay, driver } = open(a);
  await superFramePeer(b, a);
  // One send of 40 datagrams of 1000 bytes: the peer's stack makes one super-frame of it (UDP_SEGMENT).
  const sizes = Array.from({ length: 40 }, () => 1000);
  const sent = await b.agent.call("udpSend", { address: "192.168.0.1", port: 5001, sizes, segment: 1000 });
  expect(sent.length).toBe(40);
  const isUdp = ({ payload }: Input) => payload.slice(2 * (INNER_IPV4 + 9), 2 * (INNER_IPV4 + 10)) === "11";
  const [fd] = underlay.receiveFds;
  const inputs = await receiveInputs(memory, 0, () => driver.receive(fd, 256), sizes.length, isUdp);
  inputs.push(...(await all(driver, fd)).filter(isUdp));
  expect(inputs.map(({ payload }) => payload.length / 2)).toEqual(sizes.map((size) => INNER_IPV4 + 20 + 8 + size));
});

/** One VXLAN datagram of VNI 100, TTL 8. */
function sendEncapsulated(driver: UdpUnderlay, src: string, dst: string, inner: Uint8Array): void {
  const segment = udp({ srcPort: 50000, dstPort: PORT }, concat([8, 0, 0, 0, 0, 0, 100, 0], inner));
  const packet = src.includes(":") ? ipv6({ src, dst, hopLimit: 8 }, segment) : ipv4({ src, dst, ttl: 8 }, segment);
  const frame = ethernet({ dst: MAC, src: MAC }, packet);
  const cut = frame.length - inner.length;
  writeOutput(memory, 0, 0, { header: frame.subarray(0, cut), payload: frame.subarray(cut) });
  driver.send(0, 1);
  expect(drops(memory, 0, 0, 1)).toEqual([SEND_OK]);
}

/** A kernel vxlan device on `from` that believes to know where 192.168.0.1 is: behind `to`. */
async function superFramePeer(from: Host, to: Host) {
  const peer = await kernelVxlan(from, { vni: 100, remotes: [to.address], overlay: overlayAddress(2) });
  await from.ns.ip(`neigh add 192.168.0.1 lladdr ${MAC} dev ${peer.device}`);
  return peer;
}
