// vxlane fdb: who is behind what. Modelled on `bridge fdb`.
//
// Entries are printed as they arrive: a million of them never stand in memory.

import { type Command, Option } from "commander";
import { VxlaneError } from "../../errors.js";
import type { FdbAnswer, NetworkAnswer } from "../answers.js";
import { addDaemonOptions, type DaemonOptions, get, getItems, socketOf } from "../client.js";

interface ShowOptions extends DaemonOptions {
  readonly mac?: string;
  readonly vtep?: string;
  readonly kind?: string;
}

interface Row extends FdbAnswer {
  readonly vni: number;
}

export function addFdb(program: Command): void {
  const fdb = program.command("fdb").description("show the forwarding database");
  addDaemonOptions(
    fdb
      .command("show")
      .description("show entries: all, or those of one network")
      .argument("[vni]", "only this network", parseVni),
  )
    .option("--mac <mac>", "only this station")
    .option("--vtep <address>", "only stations behind this VTEP")
    .addOption(new Option("--kind <kind>", "only entries of this kind").choices(["learned", "static"]))
    .addHelpText(
      "after",
      `
Examples:
  vxlane fdb show
  vxlane fdb show 100 --kind learned
  vxlane fdb show 100 --mac 02:00:00:00:00:01 --json

Exits with 4 if there is no such network.`,
    )
    .action(show);
}

function parseVni(text: string): number {
  if (/^\d{1,8}$/.test(text) && Number(text) <= 0xffffff) return Number(text);
  throw new VxlaneError("ERR_USAGE", `${text} is not a VNI; allowed: a whole number from 0 to 16777215`);
}

async function show(vni: number | undefined, options: ShowOptions): Promise<void> {
  const isWanted = await filter(options);
  const socket = await socketOf(options);
  const networks = vni === undefined ? await get<NetworkAnswer[]>(socket, "/v1/networks") : [{ vni }];
  const print = options.json ? printJsonItem : printLine;
  let count = 0;
  for (const network of networks) {
    for await (const entry of getItems<FdbAnswer>(socket, `/v1/networks/${network.vni}/fdb`)) {
      if (isWanted(entry)) await print({ vni: network.vni, ...entry }, count++);
    }
  }
  if (options.json) await write(count === 0 ? "[]\n" : "\n]\n");
}

async function filter({ mac, vtep, kind }: ShowOptions): Promise<(entry: FdbAnswer) => boolean> {
  const wanted = {
    mac: mac === undefined ? undefined : await read("mac", mac, "--mac"),
    vtep: vtep === undefined ? undefined : await read("unicast-address", vtep, "--vtep"),
    kind,
  };
  return (entry) =>
    (wanted.mac ?? entry.mac) === entry.mac &&
    (wanted.vtep ?? entry.vtep) === entry.vtep &&
    (wanted.kind ?? entry.kind) === entry.kind;
}

/** The one spelling of an argument. @throws ERR_USAGE */
async function read(format: "mac" | "unicast-address", text: string, option: string): Promise<string> {
  const { FORMATS } = await import("../../config/formats.js");
  const { allowed, ...reader } = FORMATS[format];
  const result = reader.read(text);
  if ("value" in result) return result.value;
  const near = result.suggestion === undefined ? "" : `; did you mean ${result.suggestion}?`;
  throw new VxlaneError("ERR_USAGE", `${option}: ${text} ${result.message}; allowed: ${allowed}${near}`);
}

/* Widths are fixed, since lines are printed before the last entry is known. */
const VNI_WIDTH = 8;
const MAC_WIDTH = 17;
const KIND_WIDTH = 7;
const AGE_WIDTH = 8;

async function printLine(row: Row, index: number): Promise<void> {
  if (index === 0) await write(line("VNI", "MAC", "KIND", "AGE", "BEHIND"));
  const behind = row.port !== undefined ? `port ${row.port}` : row.vtep !== undefined ? `vtep ${row.vtep}` : "-";
  await write(line(String(row.vni), row.mac, row.kind, row.kind === "static" ? "-" : `${row.age} s`, behind));
}

function line(vni: string, mac: string, kind: string, age: string, behind: string): string {
  const cells = [
    vni.padEnd(VNI_WIDTH),
    mac.padEnd(MAC_WIDTH),
    kind.padEnd(KIND_WIDTH),
    age.padStart(AGE_WIDTH),
    behind,
  ];
  return `${cells.join("  ")}\n`;
}

async function printJsonItem(row: Row, index: number): Promise<void> {
  await write(`${index === 0 ? "[\n" : ",\n"}  ${JSON.stringify(row)}`);
}

/** Waits for a slow reader instead of keeping everything for it. */
async function write(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}
