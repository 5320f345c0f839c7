// What a mistake of the tables beside this file is: what is written, the path that the message has to
// name, the value that it shows, the spelling that it proposes. `allowed` is a piece of what it says is allowed.
//
// A document is `local` and one network unless a case brings its own text; the case's lines replace the network's.

import type { ErrorCode } from "../../../../control/errors.js";

export interface Mistake {
  readonly what: string;
  readonly text: string;
  readonly path: string;
  readonly code?: ErrorCode;
  readonly value?: string;
  readonly allowed?: string;
  readonly suggestion?: string;
}

export const top = (lines: string) => `local: 10.99.0.1\n${lines}\n`;
export const network = (lines: string) => top(`networks: [ { vni: 100, ${lines} } ]`);
export const headend = (vteps: string) => network(`flood: { mode: headend, vteps: [${vteps}] }`);
export const port = (lines: string) => network(`ports: [ { name: blue0, ${lines} } ]`);
export const entry = (lines: string) => network(`ports: [ { name: blue0 } ], fdb: [ { ${lines} } ]`);
export const multicast = (lines: string, rest = "allow: [10.99.0.0/24]") =>
  `${top("underlay: { interface: eth0 }")}networks: [ { vni: 100, flood: { mode: multicast, ${lines} }, ${rest} } ]\n`;
export const two = (first: string, second: string) => top(`networks: [ { ${first} }, { ${second} } ]`);

export const duplicate = "ERR_CONFIG_DUPLICATE";
export const reference = "ERR_CONFIG_REFERENCE";
export const missing = "ERR_CONFIG_KEY_MISSING";
export const unknown = "ERR_CONFIG_KEY_UNKNOWN";

export const VNI = "networks[0].vni";
export const VTEP = "networks[0].flood.vteps[0]";
export const PORT = "networks[0].ports[0]";
export const ENTRY = "networks[0].fdb[0]";
