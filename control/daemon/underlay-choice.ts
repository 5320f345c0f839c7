// Which underlay driver the daemon runs with: the one that the config names, or, for `auto`, the best that works here.
//
// `auto` never takes xdp. Its rings take single frames: twice the small frames of a kernel bridge, but a seventh of the
// kernel's TCP (bench/RESULTS.md), and most hosts carry TCP. What a host carries is not known at the start.

import type { Logger } from "pino";
import type { Config, UnderlayDriverName } from "../config/types.js";
import { messageOf } from "../errors.js";

export interface UnderlayChoice<T> {
  readonly driver: Exclude<UnderlayDriverName, "auto">;
  /** Why this one, in words; undefined where the config says it. */
  readonly reason?: string;
  /** What `open` made; undefined for udp, which needs nothing but the sockets. */
  readonly made?: T;
}

/**
 * @param openTap makes the tap underlay
 * @throws what `openTap` throws, if the config wants no other
 */
export function chooseUnderlay<T>({ underlay, offloads }: Config, openTap: () => T, log: Logger): UnderlayChoice<T> {
  if (underlay.driver === "tap") return { driver: "tap", made: openTap() };
  if (underlay.driver !== "auto") return { driver: underlay.driver };
  const choice = bestOf(offloads === "off", openTap);
  log.info({ driver: choice.driver, reason: choice.reason }, "underlay driver chosen");
  return choice;
}

const NEVER_XDP = "auto never takes xdp, which is fast for small frames and slow for TCP";

function bestOf<T>(isPlain: boolean, openTap: () => T): UnderlayChoice<T> {
  if (isPlain) return { driver: "udp", reason: `offloads are off; ${NEVER_XDP}` };
  try {
    return { driver: "tap", made: openTap(), reason: `tunnel GSO works; ${NEVER_XDP}` };
  } catch (error) {
    return { driver: "udp", reason: `tap: ${messageOf(error)}; ${NEVER_XDP}` };
  }
}
