// Worlds that several tests share.

import { network, type World, type WorldNetwork, world } from "../oracle/world.js";

export const HOST_A = "02:00:00:00:0a:01";
export const HOST_B = "02:00:00:00:0a:02";
export const HOST_FAR = "02:00:00:00:0b:01";
export const HOST_OWN = "02:00:00:00:0c:01";
export const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** MAC as the oracle writes it. */
export function macKey(text: string): string {
  return text.replaceAll(":", "");
}

/** One network (id 1, VNI 100) with attachments 1 and 2 and VTEP 1, at which HOST_FAR is. */
export function pointToPoint(fields: Partial<World> = {}, net: Partial<WorldNetwork> = {}): World {
  const ipv6 = fields.local?.includes(":") ?? false;
  return world({
    networks: [
      network({ id: 1, vni: 100, mtu: 9000, flood: { attachments: [1, 2], vteps: [1] }, sources: [1], ...net }),
    ],
    vteps: [{ id: 1, address: ipv6 ? "fd99::2" : "10.99.0.2", ttl: 64 }],
    attachments: [
      { id: 1, network: 1, port: 1, mtu: 9000 },
      { id: 2, network: 1, port: 2, mtu: 9000 },
    ],
    statics: [{ network: 1, mac: macKey(HOST_FAR), target: "vtep", id: 1 }],
    ...fields,
  });
}

export const UNDERLAYS: readonly (readonly [string, Partial<World>])[] = [
  ["IPv4 with checksum", { local: "10.99.0.1", outerChecksum: true }],
  ["IPv4 without checksum", { local: "10.99.0.1", outerChecksum: false }],
  ["IPv6", { local: "fd99::1", outerChecksum: false }],
];
