// vxlane fdb show: who is behind what. Entries are printed as they arrive: a million of them never stand in memory.

import { type Command, Option } from "commander";
import { VxlaneError } from "../../errors.js";
import type { FdbAnswer, NetworkAnswer } from "../answers.js";
import { read, readNetwork } from "../arguments.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { printList } from "../output.js";

interface ShowOptions extends DaemonOptions {
  readonly vni?: string;
  readonly mac?: string;
  readonly vtep?: string;
  readonly port?: string;
  readonly kind?: string;
  readonly frozen?: true;
}

/** What an entry has to have; undefined: anything. */
interface Wanted {
  readonly mac: string | undefined;
  readonly vtep: string | undefined;
  readonly port: string | undefined;
  readonly kind: string | undefined;
  readonly frozen: "true" | undefined;
}

interface Entry extends FdbAnswer {
  readonly vni: number;
}

export function addFdbShow(fdb: Command): void {
  addDaemonOptions(
    fdb
      .command("show")
      .aliases(["list", "ls"])
      .description("show entries: all, or those of one network")
      .argument("[vni]", "only this network: its VNI or name")
      .option("--vni <vni>", "the same")
      .option("--mac <mac>", "only this station")
      .option("--vtep <address>", "only stations behind this VTEP")
      .option("--port <name>", "only stations behind this port")
      .addOption(new Option("--kind <kind>", "only entries of this kind").choices(["learned", "static"]))
      .option("--frozen", "only entries that moved too often and were frozen"),
  )
    .addHelpText(
      "after",
      `
Examples:
  vxlane fdb show
  vxlane fdb show 100 --kind learned
  vxlane fdb show --vni 100 --mac 02:00:00:00:00:01 --json
  vxlane fdb show --frozen

AGE is since the station was last heard. Exits with 4 if there is no such
network.`,
    )
    .action(show);
}

async function show(argument: string | undefined, options: ShowOptions): Promise<void> {
  const wanted = await readWanted(options);
  const network = networkOf(argument, options.vni);
  const api = await Api.of(options);
  const vnis = network === undefined ? await allVnis(api) : [await readNetwork(api, network)];
  const heading = ["VNI", "MAC", "KIND", "AGE", "BEHIND"];
  await printList(entries(api, vnis, wanted), options.json, heading, (entry) => [
    String(entry.vni),
    entry.mac,
    entry.frozen ? `${entry.kind} frozen` : entry.kind,
    entry.kind === "static" ? "-" : `${entry.age} s`,
    behind(entry),
  ]);
}

async function readWanted({ mac, vtep, port, kind, frozen }: ShowOptions): Promise<Wanted> {
  return {
    mac: mac === undefined ? undefined : await read("mac", mac, "--mac"),
    vtep: vtep === undefined ? undefined : await read("unicast-address", vtep, "--vtep"),
    port: port === undefined ? undefined : await read("interface-name", port, "--port"),
    kind,
    frozen: frozen && "true",
  };
}

/** Who says it twice has to say the same. @throws ERR_USAGE */
function networkOf(argument: string | undefined, option: string | undefined): string | undefined {
  if (argument !== undefined && option !== undefined && argument !== option) {
    throw new VxlaneError("ERR_USAGE", `--vni ${option} is not ${argument}: give one network, or neither`);
  }
  return argument ?? option;
}

async function allVnis(api: Api): Promise<number[]> {
  const vnis: number[] = [];
  for await (const { vni } of api.items<NetworkAnswer>(route("networks"))) vnis.push(vni);
  return vnis;
}

async function* entries(api: Api, vnis: readonly number[], wanted: Wanted): AsyncGenerator<Entry[]> {
  for (const vni of vnis) {
    const { mac } = wanted;
    const found = mac === undefined ? api.batches<FdbAnswer>(listPath(vni, wanted)) : lookUp(api, vni, mac, wanted);
    for await (const batch of found) yield batch.map((entry) => ({ vni, ...entry }));
  }
}

/** The daemon filters. */
function listPath(vni: number, { vtep, port, kind, frozen }: Wanted): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ vtep, port, kind, frozen }))
    if (value !== undefined) query.set(key, value);
  return `${route("networks", vni, "fdb")}${query.size === 0 ? "" : `?${query}`}`;
}

/** One MAC: nobody has to walk the table for it. @throws ERR_NOT_FOUND if there is no such network */
async function* lookUp(api: Api, vni: number, mac: string, wanted: Wanted): AsyncGenerator<FdbAnswer[]> {
  const entry = await api.find<FdbAnswer>(route("networks", vni, "fdb", mac));
  if (entry === undefined) await api.get(route("networks", vni));
  else if (fits(entry, wanted)) yield [entry];
}

function fits(entry: FdbAnswer, { vtep, port, kind, frozen }: Wanted): boolean {
  if (frozen !== undefined && entry.frozen !== true) return false;
  return (
    (vtep ?? entry.vtep) === entry.vtep && (port ?? entry.port) === entry.port && (kind ?? entry.kind) === entry.kind
  );
}

function behind({ port, vtep }: FdbAnswer): string {
  if (port !== undefined) return `port ${port}`;
  return vtep === undefined ? "-" : `vtep ${vtep}`;
}
