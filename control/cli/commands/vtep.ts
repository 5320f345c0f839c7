// vxlane vtep: the remote VTEPs of a network's flood list, or all that are known, with what went to and came from them.

import type { Command } from "commander";
import type { RemoteAnswer, VtepAnswer } from "../answers.js";
import { read, readNetwork } from "../arguments.js";
import { add, remoteSubject, remove } from "../change.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { printList } from "../output.js";

export function addVtep(program: Command): void {
  const vtep = program.command("vtep").description("show remote VTEPs and change flood lists");
  addDaemonOptions(vtep.command("list").alias("ls").description("list VTEPs: all, or one flood list"))
    .argument("[vni]", "the flood list of this network: its VNI or name")
    .addHelpText(
      "after",
      `
PATH MTU is the largest packet that the way to a VTEP takes, where that is
known to be less than the networks want: what is larger counts as too_big.

Examples:
  vxlane vtep list
  vxlane vtep list 100 --json`,
    )
    .action(list);
  addDaemonOptions(vtep.command("add").description("add a VTEP to a network's flood list"))
    .argument("<vni>", "the network's VNI or name")
    .argument("<address>", "underlay address of the VTEP")
    .addHelpText(
      "after",
      `
Examples:
  vxlane vtep add 100 10.99.0.3
  vxlane vtep add blue fd99::3

Exits with 5 if it is in the list already, or if the network floods by
multicast or not at all.`,
    )
    .action(addOne);
  addDaemonOptions(
    vtep.command("remove").aliases(["del", "delete", "rm"]).description("take a VTEP out of a flood list"),
  )
    .argument("<vni>", "the network's VNI or name")
    .argument("<address>", "underlay address of the VTEP")
    .addHelpText("after", "\nExamples:\n  vxlane vtep remove 100 10.99.0.3\n\nExits with 4 if it is not in the list.")
    .action(removeOne);
}

async function list(network: string | undefined, options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  if (network === undefined) {
    const heading = ["VTEP", "ENCAP", "BYTES", "DROPPED", "DECAP", "BYTES", "DROPPED", "PATH MTU"];
    await printList(
      api.batches<VtepAnswer>(route("vteps")),
      options.json,
      heading,
      ({ address, group, pathMtu, encap, decap }) => [
        group ? `${address} (group)` : address,
        ...[encap, decap].flatMap(({ frames, bytes, dropped }) => [frames, bytes, dropped]),
        pathMtu ?? "-",
      ],
    );
    return;
  }
  const vni = await readNetwork(api, network);
  await printList(floodList(api, vni), options.json, ["VNI", "VTEP"], ({ address }) => [String(vni), address]);
}

async function* floodList(api: Api, vni: number): AsyncGenerator<(RemoteAnswer & { vni: number })[]> {
  for await (const remotes of api.batches<RemoteAnswer>(route("networks", vni, "vteps"))) {
    yield remotes.map((remote) => ({ vni, ...remote }));
  }
}

async function addOne(network: string, addressText: string, options: DaemonOptions): Promise<void> {
  const address = await read("unicast-address", addressText, "ADDRESS");
  const api = await Api.of(options);
  await add(api, remoteSubject(await readNetwork(api, network), address), {}, options.json);
}

async function removeOne(network: string, addressText: string, options: DaemonOptions): Promise<void> {
  const address = await read("unicast-address", addressText, "ADDRESS");
  const api = await Api.of(options);
  await remove(api, remoteSubject(await readNetwork(api, network), address), options.json);
}
