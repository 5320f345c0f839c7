// The udp underlay's part of the offloads: trains of datagrams, out (UDP_SEGMENT) and in (UDP_GRO).

import { probeTrains, SyscallError, type Underlay } from "../linux/index.js";
import type { Offloads } from "./offloads.js";

/** Takes into use what the kernel has. @param against why trains cannot leave whatever the kernel has */
export async function useTrains(
  offloads: Offloads,
  underlay: Pick<Underlay, "receiveTrains">,
  against: string | undefined,
): Promise<void> {
  if (!offloads.isAllowed) return;
  const { segment, gro } = await probeTrains();
  // The kernel finishes the checksum of each datagram, or makes none of them into a train.
  const unsummed = offloads.outerChecksum ? undefined : "it needs the outer UDP checksum: underlay.checksum is off";
  offloads.set("udp_segment", against ?? unsummed ?? segment?.message);
  offloads.set("udp_gro", gro?.message ?? "no port was opened yet");
  if (gro !== undefined) return;
  offloads.onPorts((takesUso) => {
    const refused = takesUso ? undefined : "ports take no UDP super-frames";
    try {
      if (takesUso) underlay.receiveTrains(true);
      offloads.set("udp_gro", refused);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      offloads.set("udp_gro", error.message);
    }
  });
}
