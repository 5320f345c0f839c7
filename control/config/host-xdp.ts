// What the xdp drivers want of this host: they make no interface but attach to one that is there, and a frame has to fit a page.

import { XSK_FRAME_SHIFT_MAX } from "../../dataplane-wasm/layout.js";
import { xdpMtuMax } from "../xdp-frames.js";
import { suggest } from "./format.js";
import type { HostInterface } from "./host.js";
import type { Path, Problems } from "./problems.js";
import { nearest } from "./spelling.js";
import type { Config } from "./types.js";

const XDP_MTU_MAX = xdpMtuMax(XSK_FRAME_SHIFT_MAX);
const LISTED = 12;

/** The interface of the underlay is looked for elsewhere; here it is measured. */
export function checkXdpUnderlay(
  { local, underlay }: Config,
  interfaces: readonly HostInterface[],
  problems: Problems,
): void {
  if (underlay.driver !== "xdp") return;
  const { interface: name } = underlay;
  const found = interfaces.find((link) => (name === undefined ? link.addresses.includes(local) : link.name === name));
  if (found !== undefined) checkMtu(found, ["underlay", name === undefined ? "driver" : "interface"], problems);
}

/** An interface that vxlane is to attach to as a port. */
export function checkXdpInterface(
  { local }: Pick<Config, "local">,
  name: string,
  path: Path,
  interfaces: readonly HostInterface[],
  problems: Problems,
): void {
  const found = interfaces.find((candidate) => candidate.name === name);
  if (found?.addresses.includes(local)) {
    // A port takes all that comes in: the tunnel's datagrams, and whatever else this host hears there.
    problems.error("ERR_HOST_INTERFACE", path, "has the local address, and as a port would cut this host off from it", {
      value: name,
      allowed: "another interface, such as this host's end of a container's veth",
    });
  } else if (found === undefined) {
    const names = interfaces.map((candidate) => candidate.name);
    problems.error("ERR_HOST_INTERFACE", path, "is not an interface of this host, and the xdp driver makes none", {
      value: name,
      allowed: names.slice(0, LISTED).join(", "),
      ...suggest(nearest(name, names)),
    });
  } else {
    checkMtu(found, path, problems);
  }
}

function checkMtu({ name, mtu }: HostInterface, path: Path, problems: Problems): void {
  if (mtu <= XDP_MTU_MAX) return;
  problems.error("ERR_HOST_MTU", path, `is too large: ${mtu}, and the xdp driver takes up to ${XDP_MTU_MAX}`, {
    value: `the MTU of ${name}`,
    allowed: `an MTU up to ${XDP_MTU_MAX}, or another driver`,
  });
}
