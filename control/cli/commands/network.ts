// vxlane network: what is tunnelled. `add` takes the words of the config's network, one option a key.

import { type Command, Option } from "commander";
import type { FloodAnswer, NetworkAnswer } from "../answers.js";
import { readNetwork, readVni } from "../arguments.js";
import { add, change, networkSubject, remove } from "../change.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, collect, type DaemonOptions } from "../options.js";
import { print, printList } from "../output.js";
import { facts, table } from "../table.js";
import { type NetworkOptions, readBody, readChange } from "./network-body.js";
import { PORT_HEADING, portRow } from "./port.js";

export function addNetwork(program: Command): void {
  const network = program.command("network").description("show and change networks");
  addDaemonOptions(network.command("list").alias("ls").description("list the networks"))
    .addHelpText("after", "\nExamples:\n  vxlane network list\n  vxlane network list --json")
    .action(list);
  addDaemonOptions(network.command("show").description("show one network, with its ports and flood list"))
    .argument("<vni>", "its VNI or name")
    .addHelpText("after", "\nExamples:\n  vxlane network show 100\n  vxlane network show blue --json")
    .action(show);
  addAdd(network);
  addSet(network);
  addDaemonOptions(
    network.command("remove").aliases(["del", "delete", "rm"]).description("remove a network, its ports and its FDB"),
  )
    .argument("<vni>", "its VNI or name")
    .addHelpText("after", "\nExamples:\n  vxlane network remove 100\n\nExits with 4 if there is no such network.")
    .action(removeOne);
}

function addAdd(network: Command): void {
  const command = network
    .command("add")
    .description("add a network; its ports come with `port add`")
    .argument("<vni>", "VXLAN network identifier, 0 to 16777215");
  addDaemonOptions(addKeys(command, true))
    .addHelpText(
      "after",
      `
Examples:
  vxlane network add 100 --name blue --vtep 10.99.0.2 --vtep 10.99.0.3
  vxlane network add 200 --group 239.1.1.1 --ttl 4 --allow 10.99.0.0/24
  vxlane network add 300 --flood none --no-learning

Exits with 5 if there is such a network already: network set changes it.`,
    )
    .action(addOne);
}

function addSet(network: Command): void {
  const command = network
    .command("set")
    .alias("change")
    .description("change a network while it runs; what no option names stays as it is")
    .argument("<vni>", "its VNI or name");
  addDaemonOptions(addKeys(command, false).option("--no-allow", "source VTEPs: the flood list and FDB VTEPs again"))
    .addHelpText(
      "after",
      `
Examples:
  vxlane network set blue --mtu 1400 --ageing 10m
  vxlane network set 100 --flood headend --vtep 10.99.0.2 --vtep 10.99.0.4
  vxlane network set 200 --ttl 16

--vtep and --allow replace the whole list; vtep add and vtep remove change one
entry of it. Ports and FDB stay. The config file is not written: what shall
outlive a restart belongs there too.
Exits with 4 if there is no such network.`,
    )
    .action(setOne);
}

/** The keys of the config's network, an option each. @param isNew there are defaults */
function addKeys(command: Command, isNew: boolean): Command {
  const or = (text: string) => (isNew ? ` (default: ${text})` : "");
  const flood = `where broadcast and unknown frames go${or("headend with --vtep, else none")}`;
  const innerVlan = `of frames with a VLAN tag${or("keep")}`;
  return command
    .option("--name <word>", `in commands and metrics${or("vni and the digits")}`)
    .addOption(new Option("--flood <mode>", flood).choices(["headend", "multicast", "none"]))
    .option("--vtep <address>", "a VTEP of the flood list; may be repeated", collect)
    .option("--group <group>", "the multicast group; needs --allow")
    .option("--ttl <hops>", `of packets to the group${or("8")}`)
    .option(
      "--allow <prefix>",
      `source VTEPs, an address or a prefix; may be repeated${or("the flood list and FDB VTEPs")}`,
      collect,
    )
    .option("--mtu <bytes>", `of the inner packets${or("the underlay's - 50, over IPv6 - 70")}`)
    .option("--learning", `learn source MACs${isNew ? " (default)" : ""}`)
    .option("--no-learning", "do not")
    .option("--ageing <time>", `how long a silent MAC is kept, as in 300s or 5m; 0: for ever${or("300s")}`)
    .addOption(new Option("--inner-vlan <what>", innerVlan).choices(["keep", "drop"]));
}

async function list(options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  const heading = ["VNI", "NAME", "MTU", "FLOOD", "LEARNING", "AGEING", "PORTS", "LEARNED", "STATIC"];
  await printList(api.batches<NetworkAnswer>(route("networks")), options.json, heading, (network) => [
    String(network.vni),
    network.name,
    network.mtu,
    describeFlood(network.flood),
    network.learning ? "on" : "off",
    describeAgeing(network.ageing),
    network.ports.length,
    network.fdb.learned,
    network.fdb.static,
  ]);
}

async function show(vni: string, options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  const answer = await api.get<NetworkAnswer>(route("networks", await readNetwork(api, vni)));
  print(answer, options.json, (network) => {
    const rows: [string, string][] = [
      ["vni", String(network.vni)],
      ["name", network.name],
      ["mtu", String(network.mtu)],
      ["flood", `${describeFlood(network.flood)}${remotes(network.flood)}`],
      ["allow", network.allow?.join(" ") ?? "the flood list and the VTEPs of static entries"],
      ["learning", network.learning ? "on" : "off"],
      ["ageing", describeAgeing(network.ageing)],
      ["inner VLAN", network.innerVlan],
      ["fdb", `${network.fdb.learned} learned, ${network.fdb.static} static`],
    ];
    const ports = network.ports.map(portRow);
    return `${facts(rows)}${ports.length === 0 ? "" : `\n${table(PORT_HEADING, ports)}`}`;
  });
}

function describeFlood(flood: FloodAnswer): string {
  if (flood.mode === "headend") return `headend to ${flood.vteps.length}`;
  return flood.mode === "multicast" ? `multicast to ${flood.group}, TTL ${flood.ttl}` : "none";
}

function remotes(flood: FloodAnswer): string {
  return flood.mode === "headend" && flood.vteps.length > 0 ? `: ${flood.vteps.join(" ")}` : "";
}

function describeAgeing(seconds: number): string {
  return seconds === 0 ? "never" : `${seconds} s`;
}

const HINT = "; network set changes it";

async function addOne(vniText: string, options: DaemonOptions & NetworkOptions): Promise<void> {
  const vni = readVni(vniText);
  const body = await readBody(options);
  await add(await Api.of(options), networkSubject(vni), body, options.json, HINT);
}

async function setOne(network: string, options: DaemonOptions & NetworkOptions): Promise<void> {
  const api = await Api.of(options);
  const subject = networkSubject(await readNetwork(api, network));
  await change<NetworkAnswer>(api, subject, (there) => readChange(options, there), options.json);
}

async function removeOne(vni: string, options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  await remove(api, networkSubject(await readNetwork(api, vni)), options.json);
}
