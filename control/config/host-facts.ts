// This host, as the checks of host.ts want to see it: netlink for interfaces and routes, a bind that is undone at
// once for ports. Nothing stays behind.

import { closeSync, constants, openSync, type Stats, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import { formatAddress, parseAddress } from "../address.js";
import {
  closeFd,
  describeHolder,
  type Interface,
  listInterfaces,
  lockedMemoryMax,
  lookUpRoute,
  missingCapabilities,
  SyscallError,
  tapConflict,
  whoHasUdpPort,
} from "../linux/index.js";
import { openReceiveSocket } from "../linux/sockets.js";
import type { HostFacts, HostInterface, SocketState } from "./host.js";

const TUN_DEVICE = "/dev/net/tun";

/** @throws SyscallError if netlink does not answer */
export function readHostFacts(): HostFacts {
  const links = listInterfaces();
  return {
    interfaces: () => links.map(toHostInterface),
    missingCapabilities: (wanted) => missingCapabilities(wanted),
    tunError,
    lockedMemoryMax: () => lockedMemoryMax(),
    udpConflict,
    portConflict(name, queues) {
      const link = links.find((candidate) => candidate.name === name);
      return link && tapConflict(link, queues);
    },
    route,
    socketState,
    tcpConflict,
  };
}

function toHostInterface({ name, isUp, mtu, addresses }: Interface): HostInterface {
  return { name, isUp, mtu, addresses: addresses.map(({ address }) => formatAddress(address)) };
}

function tunError(): string | undefined {
  try {
    closeSync(openSync(TUN_DEVICE, constants.O_RDWR));
    return undefined;
  } catch (error) {
    return `${TUN_DEVICE} (${(error as NodeJS.ErrnoException).code})`;
  }
}

function udpConflict(local: string, port: number): string | undefined {
  const address = parseAddress(local);
  if (address === undefined) return undefined;
  try {
    closeFd(openReceiveSocket({ local: address, port, join: false }));
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "EADDRINUSE") return `it is taken by ${describeHolder(whoHasUdpPort(port))}`;
    // A missing right is said once, by checkPrivileges.
    return ["EPERM", "EACCES"].includes(error.code) ? undefined : error.message;
  }
}

function route(destination: string, source: string): { mtu: number; interface: string } | undefined {
  const [to, from] = [parseAddress(destination), parseAddress(source)];
  if (to === undefined) return undefined;
  try {
    return lookUpRoute(to, from);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

function socketState(path: string): Promise<SocketState> {
  let stat: Stats | undefined;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
  } catch {
    // Not even root may look: the start will say more than a guess here.
  }
  if (stat === undefined) return Promise.resolve("absent");
  if (!stat.isSocket()) return Promise.resolve("other");
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (state: SocketState) => {
      socket.destroy();
      resolve(state);
    };
    socket.on("connect", () => answer("live"));
    // EAGAIN: its backlog is full, so somebody has it; EACCES: it is another user's.
    socket.on("error", (error: NodeJS.ErrnoException) => answer(error.code === "ECONNREFUSED" ? "stale" : "live"));
  });
}

function tcpConflict(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
