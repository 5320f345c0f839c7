// Networks, ports and flood lists come and go while real worker threads forward: what is not changed loses no frame, no
// worker fails, and in the end nothing is left.
//
// UDP sockets of the loopback stand in for everything: connected pairs for the TAP queues (a datagram is a virtio-net
// header and a frame), so no rights are needed. What the workers send to the underlay fails, countably.

import { createSocket } from "node:dgram";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Workers } from "../../../control/daemon/workers.js";
import { compileDataplane } from "../../../control/dataplane.js";
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../../control/linux/constants.js";
import { closeFd, EPOLL_PORT, EPOLL_UNDERLAY, epollAdd } from "../../../control/linux/index.js";
import { bind, check, connect, recv, send, socket } from "../../../control/linux/libc.js";
import { socketAddress } from "../../../control/linux/sockaddr.js";
import { openReceiveSocket } from "../../../control/linux/sockets.js";
import { DROP_COUNT } from "../../../dataplane-wasm/drop.js";
import * as L from "../../../dataplane-wasm/layout.js";
import {
  address,
  BROADCAST,
  createFixture,
  type Fixture,
  frame,
  mac,
  portSpec,
  settle,
  spec,
  vxlan,
} from "../tables/fixture.js";

const PEER = "127.0.0.1";
const OURS = "02:00:00:00:00:01";
const THEIRS = "02:00:00:00:00:02";
const STEADY = 1;
const ROUNDS = 150;
const BURST = 32;
const WORKERS = 2;
const BASE_PORT = 20_000 + (process.pid % 2000) * 10;

let fixture: Fixture;
let workers: Workers;
let fds: number[];
beforeEach(async () => {
  fixture = await createFixture({ workers: WORKERS, fdbCapacity: 4096 });
  const { memory, dataplane } = fixture;
  workers = new Workers(memory, await compileDataplane(), dataplane, WORKERS, pino({ level: "silent" }));
  fds = [];
});
afterEach(async () => {
  await workers.stop();
  for (const fd of fds) closeFd(fd);
});

const keep = (fd: number) => {
  fds.push(fd);
  return fd;
};

/** Two UDP sockets that are connected to each other. */
function openPair(firstPort: number): [number, number] {
  const ends = [firstPort, firstPort + 1].map((port) => {
    const fd = keep(check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const at = socketAddress(address(PEER), port);
    check(bind(fd, at, at.length), "bind");
    return fd;
  });
  ends.forEach((fd, index) => {
    const to = socketAddress(address(PEER), firstPort + 1 - index);
    check(connect(fd, to, to.length), "connect");
  });
  return [ends[0], ends[1]];
}

/** Takes everything out of a socket; returns how many datagrams. */
function drain(fd: number): number {
  const buffer = Buffer.alloc(2048);
  let count = 0;
  while (recv(fd, buffer, buffer.length, 0) >= 0) count++;
  return count;
}

it("what stays forwards every frame while everything around it changes", async () => {
  const { tables } = fixture;
  const receive = keep(openReceiveSocket({ local: address(PEER), port: BASE_PORT, join: false }));
  epollAdd(workers.epoll(0), receive, EPOLL_UNDERLAY, receive);
  const steady = tables.networks.add(spec(STEADY, { vteps: [PEER] }));
  const [port] = tables.ports.add(STEADY, [portSpec("steady", OURS)]);
  const [queue, host] = openPair(BASE_PORT + 1);
  tables.ports.setQueues(port, [queue, queue]);
  epollAdd(workers.epoll(1), queue, EPOLL_PORT, port.id);
  await workers.start(
    [receive, receive].map((sendFd) => ({ kind: "udp", sendFd, isIpv6: false, trainSockets: 8 })),
    0,
  );

  const counter = (offset: number) => tables.counters.network(steady.id, offset);
  const source = createSocket("udp4");
  const emit = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      source.send(bytes, BASE_PORT, PEER, (error) => (error === null ? resolve() : reject(error)));
    });
  const intoPort = Buffer.concat([Buffer.alloc(L.VIRTIO_LEN), frame(OURS, BROADCAST)]);
  let delivered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < BURST; n++) {
      void emit(vxlan(STEADY, frame(THEIRS, OURS, n)));
      void emit(vxlan(100 + (n % 8), frame(`02:00:00:00:${hexByte(round)}:${hexByte(n)}`, BROADCAST)));
      check(send(host, intoPort, intoPort.length, 0), "send");
    }
    churn(fixture, round);
    await expect.poll(() => counter(L.COUNTER_RECEIVED_DECAP), { interval: 1 }).toBe((round + 1) * BURST);
    await expect.poll(() => counter(L.COUNTER_RECEIVED_ENCAP), { interval: 1 }).toBe((round + 1) * BURST);
    delivered += drain(host);
  }
  source.close();

  expect([workers.restarts(0), workers.restarts(1)]).toEqual([0, 0]);
  expect(counter(L.COUNTER_FRAMES_DECAP)).toBe(ROUNDS * BURST);
  expect(delivered).toBe(ROUNDS * BURST);
  const drops = Array.from({ length: DROP_COUNT }, (_, drop) => counter(L.COUNTER_DROPS + drop * 8));
  const sum = drops.reduce((total, frames) => total + frames);
  expect(sum + counter(L.COUNTER_FRAMES_ENCAP)).toBe(ROUNDS * BURST); // the underlay is no raw socket

  for (const { spec: left } of [...tables.networks]) if (left.vni !== STEADY) tables.networks.remove(left.vni);
  await expect
    .poll(() => {
      settle(fixture);
      return tables.undertaker.waiting;
    })
    .toBe(0);
  expect(tables.lists.count).toBe(1);
  expect(tables.fdbCount).toBe(2);
  expect([...tables.vteps.ids()]).toEqual([tables.vteps.find(address(PEER))]);
});

const hexByte = (n: number) => (n & 255).toString(16).padStart(2, "0");

/** Changes a good part of what is there but the steady network. */
function churn({ tables }: Fixture, round: number): void {
  for (let n = 0; n < 8; n++) {
    const vni = 100 + n;
    const isThere = tables.networks.find(vni) !== undefined;
    if (isThere && (round + n) % 3 === 0) {
      tables.networks.remove(vni);
    } else if (!isThere) {
      const allow = n % 2 === 0 ? { allow: ["127.0.0.0/8"] } : {};
      tables.networks.add(spec(vni, { vteps: [PEER, `127.0.1.${n}`], ...allow }));
      tables.ports.add(vni, [portSpec(`p${n}`, OURS), portSpec(`q${n}`, "02:00:00:00:00:11")]);
      tables.statics.set(vni, mac("02:00:00:00:00:77"), { vtep: address(`127.0.2.${n}`) });
    } else {
      tables.networks.replace(spec(vni, { vteps: [`127.0.3.${round & 255}`, PEER] }));
      if (tables.ports.find(`q${n}`) !== undefined) tables.ports.remove(vni, `q${n}`);
      if (round % 5 === 0) tables.flush(vni);
    }
  }
  tables.tick(250);
}
