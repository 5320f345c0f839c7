// The options of `network add` and `network set` to the API's body: the config's network without its VNI. Each option is
// read as the config's key is; which options go together is checked here, so that the message can name options and not
// keys. For `set`, what no option names stays as it is.

import { VxlaneError } from "../../errors.js";
import type { NetworkAnswer } from "../answers.js";
import { read, readAll, readNumber } from "../arguments.js";

export interface NetworkOptions {
  readonly name?: string;
  readonly flood?: "headend" | "multicast" | "none";
  readonly vtep?: string[];
  readonly group?: string;
  readonly ttl?: string;
  /** False: the default again. */
  readonly allow?: string[] | false;
  readonly mtu?: string;
  readonly learning?: boolean;
  readonly ageing?: string;
  readonly innerVlan?: string;
}

/* From the config's schema. */
const MTU = { min: 68, max: 65485 };
const TTL = { min: 1, max: 255 };

/** What is there of it is to stay: a PUT means the default by a key that is absent, but for ports and entries. */
type There = Omit<NetworkAnswer, "vni" | "ports" | "fdb">;

/** Keys that were not given are left to the API. @throws ERR_USAGE */
export async function readBody(options: NetworkOptions): Promise<Record<string, unknown>> {
  return readKeys(options, undefined);
}

/** Keys that were not given stay as they are. @throws ERR_USAGE, also if there is nothing to change */
export async function readChange(options: NetworkOptions, there: NetworkAnswer): Promise<Record<string, unknown>> {
  const wanted = await readKeys(options, there);
  if (Object.keys(wanted).length === 0 && options.allow === undefined) {
    throw new VxlaneError("ERR_USAGE", "nothing to change: name what, as in --mtu 1400 (network set --help)");
  }
  const { name, mtu, learning, ageing, innerVlan, flood, allow } = there;
  const stays = { name, mtu, learning, ageing, innerVlan, flood, allow: options.allow === false ? undefined : allow };
  return dropUndefined({ ...stays, ...wanted });
}

async function readKeys(options: NetworkOptions, there: There | undefined): Promise<Record<string, unknown>> {
  const { name, mtu, learning, ageing, innerVlan, allow } = options;
  return dropUndefined({
    name: name && (await read("network-name", name, "--name")),
    mtu: mtu && readNumber(mtu, "--mtu", MTU.min, MTU.max),
    learning,
    ageing: ageing && (await read("seconds", ageing, "--ageing")),
    innerVlan,
    flood: await readFlood(options, there),
    allow: await readAll("address-prefix", allow || undefined, "--allow"),
  });
}

async function readFlood(
  options: NetworkOptions,
  there: There | undefined,
): Promise<Record<string, unknown> | undefined> {
  const vteps = await readAll("unicast-address", options.vtep, "--vtep");
  const group = options.group && (await read("multicast-address", options.group, "--group"));
  const ttl = options.ttl && readNumber(options.ttl, "--ttl", TTL.min, TTL.max);
  const before = there?.flood;
  const mode = options.flood ?? (group ? "multicast" : vteps ? "headend" : ttl ? before?.mode : undefined);
  if (vteps && mode !== "headend") refuse("--vtep", "--flood headend");
  if (group && mode !== "multicast") refuse("--group", "--flood multicast");
  if (ttl && mode !== "multicast") refuse("--ttl", "--flood multicast");
  if (mode === "headend") return { mode, vteps: vteps ?? (before?.mode === mode ? before.vteps : []) };
  if (mode === "multicast") {
    const stays = before?.mode === mode ? before : undefined;
    if (!group && !stays)
      throw new VxlaneError("ERR_USAGE", "--flood multicast needs --group, as in --group 239.1.1.1");
    if (options.allow === false || !(options.allow ?? there?.allow)) {
      throw new VxlaneError(
        "ERR_USAGE",
        "--flood multicast needs --allow: the VTEPs that may send, as in 10.99.0.0/24",
      );
    }
    return dropUndefined({ mode, group: group || stays?.group, ttl: ttl || stays?.ttl });
  }
  return mode && { mode };
}

function refuse(option: string, wanted: string): never {
  throw new VxlaneError("ERR_USAGE", `${option} goes with ${wanted}`);
}

function dropUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
