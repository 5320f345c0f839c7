// MACs, IP addresses, prefixes and listening addresses as a config writes them, read to the one spelling that the
// rest of control compares: RFC 5952 for IPv6, lower case for MACs.
//
// Near misses (dashes, missing zeros, brackets, an IPv4 address in IPv6 form) are refused all the same, with the
// right spelling: two spellings of one address in a file are how duplicates hide.

import {
  formatAddress,
  formatMac,
  isMapped,
  isMulticastAddress,
  isStationMac,
  isUnspecifiedAddress,
  parseAddress,
  parseMac,
  parsePrefix,
} from "../address.js";
import { type Format, suggest, type Wrong } from "./format.js";

export interface HostPort {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export const mac: Format<string> = {
  allowed: "a unicast MAC, six bytes in hexadecimal as in 02:00:00:00:00:01",
  read(text) {
    const bytes = parseMac(text);
    if (bytes === undefined) return { message: "is not a MAC", ...suggest(respellMac(text)) };
    if (isStationMac(bytes)) return { value: formatMac(bytes) };
    if (bytes.every((byte) => byte === 0)) return { message: "is not a MAC that a station may have" };
    bytes[0] = (bytes[0] ?? 0) & 0xfe;
    return { message: "is a multicast MAC", ...suggest(formatMac(bytes)) };
  },
};

/** Other spellings of six bytes: dashes, Cisco's dots, no separators, missing leading zeros. */
function respellMac(text: string): string | undefined {
  const parts = text.split(/[:\-.\s]/).filter((part) => part !== "");
  const digits = parts.length === 6 ? parts.map((part) => part.padStart(2, "0")).join("") : parts.join("");
  if (!/^[0-9a-f]{12}$/i.test(digits)) return undefined;
  return digits.toLowerCase().match(/../g)?.join(":");
}

export const address: Format<string> = {
  allowed: "a unicast IPv4 or IPv6 address, not link-local IPv6",
  read(text) {
    const read = readAddress(text);
    if ("message" in read) return read;
    if (isUnspecifiedAddress(read.bytes)) return { message: "is the unspecified address" };
    if (isMulticastAddress(read.bytes)) return { message: "is a multicast address" };
    // RFC 4291 section 2.5.6: they mean nothing without their link, and the sockets have no place for one.
    if (/^fe[89ab].:/.test(read.value)) return { message: "is a link-local address" };
    if (read.value === "255.255.255.255") return { message: "is the broadcast address" };
    return read;
  },
};

export const group: Format<string> = {
  allowed: "a multicast address: 224.0.0.0 to 239.255.255.255, or ff00::/8",
  read(text) {
    const read = readAddress(text);
    if ("message" in read) return read;
    return isMulticastAddress(read.bytes) ? read : { message: "is not a multicast address" };
  },
};

function readAddress(text: string): { value: string; bytes: Uint8Array } | Wrong {
  const bytes = parseAddress(text);
  if (bytes === undefined) return { message: "is not an IP address", ...suggest(respellAddress(text)) };
  const value = formatAddress(bytes);
  if (text.includes(":") && isMapped(bytes)) return { message: "is an IPv4 address in IPv6 form", suggestion: value };
  return { value, bytes };
}

/** Without brackets, zone, prefix length, white space or leading zeros. */
function respellAddress(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/[%/].*$/, "")
    .replace(/\b0+(?=\d+\.|\d+$)/g, "");
  const bytes = parseAddress(bare);
  return bytes && formatAddress(bytes);
}

export const prefix: Format<string> = {
  allowed: "an address, or a prefix as in 10.99.0.0/24",
  read(text) {
    const slash = text.indexOf("/");
    const read = readAddress(slash < 0 ? text : text.slice(0, slash));
    const parsed = parsePrefix(text);
    if (parsed !== undefined && !("message" in read)) {
      return { value: `${formatAddress(parsed.address)}/${parsed.length}` };
    }
    if ("message" in read) return { ...read, message: read.message.replace("an IP address", "an address or a prefix") };
    return { message: `has no prefix length from 0 to ${read.value.includes(":") ? 128 : 32}` };
  },
};

export const hostPort: Format<HostPort> = {
  allowed: "ADDRESS:PORT, as in 127.0.0.1:9479 or [::1]:9479; port 0 takes a free one",
  read(text) {
    const parts = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
    const host = parts?.[1] ?? parts?.[2] ?? "";
    const bytes = parseAddress(host);
    const port = Number(parts?.[3]);
    const bracketed = parts?.[1] !== undefined;
    if (parts === null || port > 65535 || bracketed !== host.includes(":")) {
      return { message: "is not an address with a port", ...suggest(respellHostPort(text)) };
    }
    if (host === "localhost") return { value: { host, port } };
    if (bytes === undefined) {
      const near = host === "" || host === "*" ? `0.0.0.0:${port}` : undefined;
      return { message: "does not begin with an IP address", ...suggest(near) };
    }
    return { value: { host: formatAddress(bytes), port } };
  },
};

function respellHostPort(text: string): string | undefined {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return `127.0.0.1:${text}`;
  const bytes = parseAddress(text);
  const found = bytes && formatAddress(bytes);
  if (found !== undefined) return found.includes(":") ? `[${found}]:9479` : `${found}:9479`;
  const split = /^(.*:.*):(\d{1,5})$/.exec(text);
  const host = parseAddress(split?.[1] ?? "");
  return host && `[${formatAddress(host)}]:${split?.[2]}`;
}
