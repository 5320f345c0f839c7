// Says when networks are wider than the underlay, whose interface was given a smaller MTU while they run. Larger packets
// are dropped as too_big then, and only senders that look for the path's MTU are told (narrow-paths.ts).
//
// Returns whether there are such networks.

import type { Network } from "../tables/types.js";
import type { Problems } from "./problems.js";

/** @param inside bytes that the underlay leaves for an inner packet */
export function tellNarrow(
  networks: Iterable<Pick<Network, "spec">>,
  inside: number,
  problems: Pick<Problems, "begin" | "end">,
): boolean {
  const wide = [...networks].map(({ spec }) => spec).filter(({ mtu }) => mtu > inside);
  const [first] = wide;
  if (first === undefined) {
    problems.end("underlay_mtu", "");
    return false;
  }
  const more = wide.length === 1 ? "" : `, as ${wide.length - 1} more do`;
  const what = `underlay: its MTU leaves ${inside} bytes for inner packets, and network ${first.name} allows ${first.mtu}${more}`;
  const remedy = `larger ones are dropped as too_big; raise it, or: vxlane network set ${first.name} --mtu ${inside}`;
  problems.begin("underlay_mtu", "", `${what}: ${remedy}`);
  return true;
}
