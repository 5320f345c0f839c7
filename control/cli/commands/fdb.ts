// vxlane fdb: the forwarding database. Modelled on `bridge fdb`: what `add` finds there already, also as learned, is a
// conflict; `replace` takes it.

import { type Command, Option } from "commander";
import { VxlaneError } from "../../errors.js";
import type { ChangeAnswer, FlushAnswer } from "../answers.js";
import { read, readNetwork } from "../arguments.js";
import { add, entrySubject, remove, replace, tell } from "../change.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { print } from "../output.js";
import { addFdbShow } from "./fdb-show.js";

interface TargetOptions extends DaemonOptions {
  readonly vtep?: string;
  readonly port?: string;
}

interface FlushOptions extends TargetOptions {
  readonly vni?: string;
  readonly kind?: string;
}

export function addFdb(program: Command): void {
  const fdb = program.command("fdb").description("show and change the forwarding database");
  addFdbShow(fdb);
  addTarget(fdb.command("add").description("add a static entry: this station is behind that VTEP or port"))
    .addHelpText(
      "after",
      `
Examples:
  vxlane fdb add 100 02:00:00:00:00:02 --vtep 10.99.0.2
  vxlane fdb add blue 02:00:00:00:00:03 --port blue0

Exits with 5 if the network knows this MAC already, also as learned: see
\`vxlane fdb replace\`.`,
    )
    .action(addOne);
  addTarget(fdb.command("replace").description("add a static entry, in place of what is there"))
    .addHelpText("after", "\nExamples:\n  vxlane fdb replace 100 02:00:00:00:00:02 --vtep 10.99.0.3")
    .action(replaceOne);
  addDaemonOptions(
    fdb.command("remove").aliases(["del", "delete", "rm"]).description("remove an entry, static or learned"),
  )
    .argument("<vni>", "the network's VNI or name")
    .argument("<mac>", "the station")
    .addHelpText(
      "after",
      "\nExamples:\n  vxlane fdb remove 100 02:00:00:00:00:02\n\nExits with 4 if there is no such entry.",
    )
    .action(removeOne);
  addDaemonOptions(fdb.command("thaw").description("let an entry move again that moved too often and was frozen"))
    .argument("<vni>", "the network's VNI or name")
    .argument("<mac>", "the station")
    .addHelpText(
      "after",
      `
Examples:
  vxlane fdb show --frozen
  vxlane fdb thaw 100 02:00:00:00:00:02

Exits with 4 if there is no such entry; one that is not frozen stays as it
is.`,
    )
    .action(thaw);
  addFlush(fdb);
}

function addTarget(command: Command): Command {
  return addDaemonOptions(
    command
      .argument("<vni>", "the network's VNI or name")
      .argument("<mac>", "the station")
      .addOption(new Option("--vtep <address>", "the VTEP that it is behind").conflicts("port"))
      .addOption(new Option("--port <name>", "the port of this network that it is behind").conflicts("vtep")),
  );
}

function addFlush(fdb: Command): void {
  addDaemonOptions(
    fdb
      .command("flush")
      .description("remove the entries that all options given fit; static ones only if --kind says so")
      .option("--vni <vni>", "of this network: its VNI or name (default: of all)")
      .option("--port <name>", "behind this port")
      .option("--vtep <address>", "behind this VTEP")
      .addOption(new Option("--kind <kind>", "of this kind (default: learned)").choices(["learned", "static", "all"])),
  )
    .addHelpText(
      "after",
      `
Examples:
  vxlane fdb flush --vni 100
  vxlane fdb flush --vtep 10.99.0.2
  vxlane fdb flush --vni blue --port blue0 --kind all

Prints how many were removed. The MACs of vxlane's own ports stay.`,
    )
    .action(flush);
}

/** @throws ERR_USAGE unless there is exactly one */
async function readTarget({ vtep, port }: TargetOptions): Promise<{ vtep: string } | { port: string }> {
  if (vtep !== undefined) return { vtep: await read("unicast-address", vtep, "--vtep") };
  if (port !== undefined) return { port: await read("interface-name", port, "--port") };
  throw new VxlaneError("ERR_USAGE", "behind what? give --vtep ADDRESS or --port NAME");
}

async function addOne(network: string, macText: string, options: TargetOptions): Promise<void> {
  const mac = await read("mac", macText, "MAC");
  const target = await readTarget(options);
  const api = await Api.of(options);
  const subject = entrySubject(await readNetwork(api, network), mac);
  await add(api, subject, target, options.json, "; `fdb replace` takes its place");
}

async function replaceOne(network: string, macText: string, options: TargetOptions): Promise<void> {
  const mac = await read("mac", macText, "MAC");
  const target = await readTarget(options);
  const api = await Api.of(options);
  await replace(api, entrySubject(await readNetwork(api, network), mac), target, options.json);
}

async function removeOne(network: string, macText: string, options: DaemonOptions): Promise<void> {
  const mac = await read("mac", macText, "MAC");
  const api = await Api.of(options);
  await remove(api, entrySubject(await readNetwork(api, network), mac), options.json);
}

async function thaw(network: string, macText: string, options: DaemonOptions): Promise<void> {
  const mac = await read("mac", macText, "MAC");
  const api = await Api.of(options);
  const subject = entrySubject(await readNetwork(api, network), mac);
  tell(subject, await api.post<ChangeAnswer>(`${subject.path}/thaw`, {}), options.json);
}

async function flush(options: FlushOptions): Promise<void> {
  const { port, vtep, kind } = options;
  const body = {
    ...(port === undefined ? {} : { port: await read("interface-name", port, "--port") }),
    ...(vtep === undefined ? {} : { vtep: await read("unicast-address", vtep, "--vtep") }),
    ...(kind === undefined ? {} : { kind }),
  };
  const api = await Api.of(options);
  const vni = options.vni === undefined ? undefined : await readNetwork(api, options.vni);
  const path = vni === undefined ? route("fdb", "flush") : route("networks", vni, "fdb", "flush");
  print(await api.post<FlushAnswer>(path, body), options.json, ({ removed }) => {
    return `${removed} ${removed === 1 ? "entry" : "entries"} removed\n`;
  });
}
