// A kernel bridge: the contender that most hosts really run, with the kernel's vxlan device as one of its ports.

import { command, ip } from "../../host.js";
import type { Host } from "./hosts.js";

const BRIDGE = "br0";

export async function bridge({ namespace }: Host, ports: readonly string[]): Promise<void> {
  await ip("-n", namespace, "link", "add", BRIDGE, "type", "bridge");
  await ip("-n", namespace, "link", "set", BRIDGE, "up");
  for (const port of ports) await ip("-n", namespace, "link", "set", port, "master", BRIDGE);
}

/** A MAC that the bridge knows from the beginning. */
export async function bridgeEntry({ namespace }: Host, mac: string, port: string): Promise<void> {
  await command("bridge", ["-n", namespace, "fdb", "replace", mac, "dev", port, "master", "static"]);
}
