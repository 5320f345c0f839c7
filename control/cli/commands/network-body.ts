// The options of `network add` to the API's body: the config's network without its VNI. Each option is read as the
// config's key is; which options go together is checked here, so that the message can name options and not keys.

import { VxlaneError } from "../../errors.js";
import { read, readAll, readNumber } from "../arguments.js";

export interface NetworkOptions {
  readonly name?: string;
  readonly flood?: "headend" | "multicast" | "none";
  readonly vtep?: string[];
  readonly group?: string;
  readonly ttl?: string;
  readonly allow?: string[];
  readonly mtu?: string;
  readonly learning?: boolean;
  readonly ageing?: string;
  readonly innerVlan?: string;
}

/* From the config's schema. */
const MTU = { min: 68, max: 65485 };
const TTL = { min: 1, max: 255 };

/** Keys that were not given are left to the API. @throws ERR_USAGE */
export async function readBody(options: NetworkOptions): Promise<Record<string, unknown>> {
  const { name, mtu, learning, ageing, innerVlan, allow } = options;
  const flood = await readFlood(options);
  return dropUndefined({
    name: name && (await read("network-name", name, "--name")),
    mtu: mtu && readNumber(mtu, "--mtu", MTU.min, MTU.max),
    learning,
    ageing: ageing && (await read("seconds", ageing, "--ageing")),
    innerVlan,
    flood,
    allow: await readAll("address-prefix", allow, "--allow"),
  });
}

async function readFlood(options: NetworkOptions): Promise<Record<string, unknown> | undefined> {
  const vteps = await readAll("unicast-address", options.vtep, "--vtep");
  const group = options.group && (await read("multicast-address", options.group, "--group"));
  const ttl = options.ttl && readNumber(options.ttl, "--ttl", TTL.min, TTL.max);
  const mode = options.flood ?? (group ? "multicast" : vteps ? "headend" : undefined);
  if (vteps && mode !== "headend") refuse("--vtep", "--flood headend");
  if (group && mode !== "multicast") refuse("--group", "--flood multicast");
  if (ttl && mode !== "multicast") refuse("--ttl", "--flood multicast");
  if (mode === "headend") return { mode, vteps: vteps ?? [] };
  if (mode === "multicast") {
    if (!group) throw new VxlaneError("ERR_USAGE", "--flood multicast needs --group, as in --group 239.1.1.1");
    if (!options.allow) {
      throw new VxlaneError(
        "ERR_USAGE",
        "--flood multicast needs --allow: the VTEPs that may send, as in 10.99.0.0/24",
      );
    }
    return dropUndefined({ mode, group, ttl });
  }
  return mode && { mode };
}

function refuse(option: string, wanted: string): never {
  throw new VxlaneError("ERR_USAGE", `${option} goes with ${wanted}`);
}

function dropUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
