// An interface that is to be an xdp port, and is not free: another program has it, or its queues were left a moment ago.

import { expect, onTestFinished, test } from "vitest";
import { linkXdp } from "../../control/linux/bpf.js";
import { closeFd, inNamespace, listInterfaces } from "../../control/linux/index.js";
import { loadRedirect } from "../../control/linux/xdp-programs.js";
import { type Daemon, MAIN } from "../support/daemon.js";
import { createLab, type Host, twoHosts } from "../support/netns.js";
import { namespaceFile } from "./driver-lab.js";
import { container, one, portDaemon, VNI, withPort, XDP } from "./xdp-lab.js";

const ROUNDS = 8;

const port = (host: Host, daemon: Daemon, ...words: string[]) =>
  host.ns.run(process.execPath, [MAIN, "port", ...words, "--socket", daemon.socket]);
const add = (host: Host, daemon: Daemon) => port(host, daemon, "add", `${VNI}`, "veth0", "--driver", "xdp");
const remove = (host: Host, daemon: Daemon) => port(host, daemon, "remove", `${VNI}`, "veth0");

/** Attaches a program of our own, as somebody else would. @returns what takes it off */
function take(host: Host, name: string): () => void {
  const netns = namespaceFile(host);
  const index = listInterfaces(netns).find((link) => link.name === name)?.index ?? 0;
  const fds = inNamespace(netns, () => {
    const { programFd, mapFd } = loadRedirect(undefined);
    return [linkXdp(programFd, index, 0), programFd, mapFd];
  });
  const release = () => fds.splice(0).forEach(closeFd);
  onTestFinished(release);
  return release;
}

test("the process that has a program there is named, and when it has gone the port comes", async () => {
  const [a, b] = await twoHosts(await createLab());
  await container(a, a.lab, one);
  const daemon = await portDaemon(a, withPort([b.address], { driver: "udp" }));
  await remove(a, daemon);
  const release = take(a, "veth0");
  const who = new RegExp(`veth0: it has an XDP program already: .*process ${process.pid}\\).*: end that`);
  await expect(add(a, daemon)).rejects.toThrow(who);
  release();
  await add(a, daemon);
});

test.each([
  ["beside the udp underlay", { driver: "udp" }],
  ["beside an underlay that shares its frames", XDP],
])("a port comes again as soon as it has gone, %s", async (_what, underlay) => {
  const [a, b] = await twoHosts(await createLab());
  await container(a, a.lab, one);
  const daemon = await portDaemon(a, withPort([b.address], underlay));
  for (let round = 0; round < ROUNDS; round++) {
    await remove(a, daemon);
    await add(a, daemon);
  }
});
