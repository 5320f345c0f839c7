// vxlane port: the interfaces that frames of a network come from and go to.

import { type Command, Option } from "commander";
import type { NetworkAnswer, PortAnswer } from "../answers.js";
import { read, readNetwork, readNumber } from "../arguments.js";
import { add, portSubject, remove } from "../change.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { print, printList } from "../output.js";
import { facts } from "../table.js";

/* From the config's schema. */
const QUEUES_MAX = 64;

interface AddOptions extends DaemonOptions {
  readonly driver?: "tap" | "xdp";
  readonly queues?: string;
  readonly mac?: string;
  readonly persistent?: true;
}

export function addPort(program: Command): void {
  const port = program.command("port").description("show and change the ports of networks");
  addDaemonOptions(port.command("list").alias("ls").description("list ports: all, or those of one network"))
    .argument("[vni]", "only this network: its VNI or name")
    .addHelpText("after", "\nExamples:\n  vxlane port list\n  vxlane port list 100 --json")
    .action(list);
  addDaemonOptions(port.command("show").description("show one port"))
    .argument("<vni>", "its network's VNI or name")
    .argument("<name>", "the interface")
    .addHelpText("after", "\nExamples:\n  vxlane port show 100 blue0\n  vxlane port show blue blue0 --json")
    .action(showOne);
  addDaemonOptions(
    port
      .command("add")
      .description("add a port to a network: a TAP interface, which is made, or one that is there")
      .argument("<vni>", "the network's VNI or name")
      .argument("<name>", "the interface, at most 15 bytes")
      .addOption(
        new Option(
          "--driver <driver>",
          "tap: the interface is made and set up; xdp: it is there, and AF_XDP attaches to it (default: tap)",
        ).choices(["tap", "xdp"]),
      )
      .option("--queues <count>", "of the interface: a number, or auto: one a worker (default)")
      .option("--mac <hex>", "of the interface (default: the kernel's choice)")
      .option("--persistent", "the interface stays when vxlane stops"),
  )
    .addHelpText(
      "after",
      `
Examples:
  vxlane port add 100 blue0
  vxlane port add blue blue1 --mac 02:00:00:00:00:01 --queues 2
  vxlane port add blue veth0 --driver xdp

A TAP is the host's: give it an address, or put it into a bridge. An xdp port
keeps its MAC, addresses and MTU: no --mac, --queues or --persistent.
Exits with 5 if the network has this port already.`,
    )
    .action(addOne);
  addDaemonOptions(
    port.command("remove").aliases(["del", "delete", "rm"]).description("remove a port, and what was learned there"),
  )
    .argument("<vni>", "its network's VNI or name")
    .argument("<name>", "the interface")
    .addHelpText("after", "\nExamples:\n  vxlane port remove 100 blue0\n\nExits with 4 if there is no such port.")
    .action(removeOne);
}

async function list(network: string | undefined, options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  const ports = network === undefined ? allPorts(api) : portsOf(api, await readNetwork(api, network));
  await printList(ports, options.json, ["VNI", ...PORT_HEADING], (port) => [String(port.vni), ...portRow(port)]);
}

export const PORT_HEADING = ["PORT", "STATE", "DRIVER", "QUEUES", "MAC", "PERSISTENT"] as const;

export function portRow({ name, status, driver, queues, mac, persistent }: PortAnswer): string[] {
  return [name, status.state, driver, queuesOf({ queues, status }), mac ?? "-", persistent ? "yes" : "no"];
}

/** Those that it has, and what was asked for where that is not the same. */
function queuesOf({ queues, status }: Pick<PortAnswer, "queues" | "status">): string {
  return queues === status.queues ? String(queues) : `${status.queues} (${queues})`;
}

interface ListedPort extends PortAnswer {
  readonly vni: number;
}

async function* allPorts(api: Api): AsyncGenerator<ListedPort[]> {
  for await (const { vni, ports } of api.items<NetworkAnswer>(route("networks"))) {
    yield ports.map((port) => ({ vni, ...port }));
  }
}

async function* portsOf(api: Api, vni: number): AsyncGenerator<ListedPort[]> {
  for await (const ports of api.batches<PortAnswer>(route("networks", vni, "ports"))) {
    yield ports.map((port) => ({ vni, ...port }));
  }
}

async function showOne(network: string, nameText: string, options: DaemonOptions): Promise<void> {
  const name = await read("interface-name", nameText, "NAME");
  const api = await Api.of(options);
  const vni = await readNetwork(api, network);
  const port = { vni, ...(await api.get<PortAnswer>(portSubject(vni, name).path)) };
  print(port, options.json, ({ status, driver, queues, mac, persistent }) =>
    facts([
      ["port", name],
      ["network", vni],
      ["state", status.state],
      ["driver", driver],
      ["queues", queuesOf({ queues, status })],
      ["mac", mac ?? "-"],
      ["persistent", persistent ? "yes" : "no"],
    ]),
  );
}

async function addOne(network: string, nameText: string, options: AddOptions): Promise<void> {
  const name = await read("interface-name", nameText, "NAME");
  const { driver, queues, mac, persistent } = options;
  const body = {
    ...(driver === undefined ? {} : { driver }),
    ...(queues === undefined
      ? {}
      : { queues: queues === "auto" ? "auto" : readNumber(queues, "--queues", 1, QUEUES_MAX) }),
    ...(mac === undefined ? {} : { mac: await read("mac", mac, "--mac") }),
    ...(persistent === undefined ? {} : { persistent }),
  };
  const api = await Api.of(options);
  await add(api, portSubject(await readNetwork(api, network), name), body, options.json);
}

async function removeOne(network: string, nameText: string, options: DaemonOptions): Promise<void> {
  const name = await read("interface-name", nameText, "NAME");
  const api = await Api.of(options);
  await remove(api, portSubject(await readNetwork(api, network), name), options.json);
}
