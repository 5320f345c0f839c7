// The texts of a config that have a grammar of their own: names, paths, durations here, addresses next door. Each
// format reads one text to its normal value, or says what is wrong with it and what was probably meant.
//
// The schema names them by `format`, so typebox's check, the explanation of a mistake and the normaliser all
// use the one reader below.

import { address, group, hostPort, mac, prefix } from "./address-formats.js";
import { type Format, suggest } from "./format.js";

/* From the kernel. */
const IFNAME_BYTES = 15; // IFNAMSIZ - 1, linux/if.h
const SOCKET_PATH_BYTES = 107; // sun_path less its NUL, linux/un.h
const PATH_BYTES = 4095; // PATH_MAX - 1

/* Our choices. */
/** Half of what 16-bit stamps can tell apart would be 32768; control sweeps often enough for nearly all of it. */
export const AGEING_MAX = 65000;
/** Longer spinning than that gains nothing: waking up takes some tens of microseconds. */
export const BUSY_POLL_MAX_US = 1000;
const NETWORK_NAME_BYTES = 64; // a label of every metric and a word in every table

const seconds: Format<number> = {
  allowed: `a duration up to ${AGEING_MAX}s, as in 300s, 5m, 2h; 0 means never`,
  read(text) {
    const parts = /^(\d{1,9})(s|m|h|d)?$/.exec(text);
    const bare = /^(\d+)\s*(s|sec|secs|second|seconds|m|min|mins|minute|minutes|h|hour|hours|d|day|days)$/i.exec(text);
    if (parts === null) return { message: "is not a duration", ...suggest(bare && `${bare[1]}${bare[2]?.[0]}`) };
    const scale = { s: 1, m: 60, h: 3600, d: 86400 }[parts[2] ?? "s"] ?? 1;
    const value = Number(parts[1]) * scale;
    return value <= AGEING_MAX ? { value } : { message: "is too long", suggestion: `${AGEING_MAX}s` };
  },
};

const microseconds: Format<number> = {
  allowed: `a duration up to ${BUSY_POLL_MAX_US}us, as in 50us, 1ms; 0 means not at all`,
  read(text) {
    const parts = /^(\d{1,9})(us|ms)?$/.exec(text);
    const bare = /^(\d+)\s*(us|µs|ms|usecs?|msecs?)$/i.exec(text);
    if (parts === null) {
      return { message: "is not a duration", ...suggest(bare && `${bare[1]}${/^m/i.test(bare[2]) ? "ms" : "us"}`) };
    }
    const value = Number(parts[1]) * (parts[2] === "ms" ? 1000 : 1);
    return value <= BUSY_POLL_MAX_US ? { value } : { message: "is too long", suggestion: `${BUSY_POLL_MAX_US}us` };
  },
};

const interfaceName: Format<string> = {
  allowed: `an interface name: 1 to ${IFNAME_BYTES} bytes of printable ASCII without white space, / : %`,
  read(text) {
    // As dev_valid_name() of net/core/dev.c; % would make the kernel number the name, all and default are sysctls.
    const bytes = Buffer.byteLength(text);
    if (text === "") return { message: "is empty" };
    if (bytes > IFNAME_BYTES) {
      const cut = text.replace(/[^!-~]/g, "").slice(0, IFNAME_BYTES);
      return { message: `has ${bytes} bytes`, ...suggest("value" in interfaceName.read(cut) ? cut : undefined) };
    }
    const reserved = [".", "..", "all", "default"].includes(text);
    if (reserved || !/^[!-~]+$/.test(text) || /[/:%]/.test(text)) {
      const clean = text.replace(/[^!-~]|[/:%]/g, "");
      const better = !reserved && clean !== "" ? clean : undefined;
      return { message: "is not a name that an interface may have", ...suggest(better) };
    }
    return { value: text };
  },
};

const networkName: Format<string> = {
  allowed: `1 to ${NETWORK_NAME_BYTES} letters, digits, - _ . with a letter first`,
  read(text) {
    if (/^[A-Za-z][A-Za-z0-9._-]*$/.test(text) && text.length <= NETWORK_NAME_BYTES) return { value: text };
    if (/^\d+$/.test(text)) return { message: "would be taken for a VNI", suggestion: `vni${text}` };
    const clean = text
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z]+/, "")
      .slice(0, NETWORK_NAME_BYTES);
    return { message: "is not a network's name", ...suggest(clean === "" ? undefined : clean) };
  },
};

const path = (most: number, what: string): Format<string> => ({
  allowed: `an absolute path of a ${what}, at most ${most} bytes`,
  read(text) {
    const bytes = Buffer.byteLength(text);
    if (text === "") return { message: "is empty" };
    if (text.includes("\0")) return { message: "has a zero byte" };
    if (!text.startsWith("/")) return { message: "is not an absolute path" };
    if (bytes > most) return { message: `has ${bytes} bytes` };
    return text.endsWith("/") && text !== "/" ? { value: text.replace(/\/+$/, "") || "/" } : { value: text };
  },
});

/** By the name that the schema's `format` keyword uses. */
export const FORMATS = {
  mac,
  "unicast-address": address,
  "multicast-address": group,
  "address-prefix": prefix,
  seconds,
  microseconds,
  "interface-name": interfaceName,
  "network-name": networkName,
  "host-port": hostPort,
  "socket-path": path(SOCKET_PATH_BYTES, "unix socket"),
  "absolute-path": path(PATH_BYTES, "directory"),
};

export type FormatName = keyof typeof FORMATS;

/** The normal value of `text`, or undefined if it is not of that format. */
export function readFormat<N extends FormatName>(name: N, text: unknown): ReadBy<N> | undefined {
  if (typeof text !== "string") return undefined;
  const read = FORMATS[name].read(text);
  return "value" in read ? (read.value as ReadBy<N>) : undefined;
}

type ReadBy<N extends FormatName> = (typeof FORMATS)[N] extends Format<infer T> ? T : never;
