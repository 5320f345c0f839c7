// vxlane status: is the daemon alive, what is it, how is it.

import type { Command } from "commander";
import type { StatusAnswer, XdpAnswer } from "../answers.js";
import { Api, route } from "../client.js";
import { addDaemonOptions, type DaemonOptions } from "../options.js";
import { print } from "../output.js";
import { duration, facts, table } from "../table.js";

export function addStatus(program: Command): void {
  addDaemonOptions(program.command("status").description("show how the daemon is"))
    .addHelpText(
      "after",
      `
Examples:
  vxlane status
  vxlane status --socket /run/vxlane/api.sock --json

off: an offload that is not in use, and why. problem: what is wrong now, and
since when. BUSY: the share of the last second that a worker did not wait.
Exits with 3 if no daemon answers.`,
    )
    .action(status);
}

async function status(options: DaemonOptions): Promise<void> {
  const api = await Api.of(options);
  print(await api.get<StatusAnswer>(route("status")), options.json, describe);
}

function describe(answer: StatusAnswer): string {
  const { underlay, offloads, sourcePorts, fdb } = answer;
  const lines = facts([
    ["local", `${answer.local}, port ${answer.port}, source ports ${sourcePorts.min}-${sourcePorts.max}`],
    ["underlay", driverOf(underlay)],
    ["checksum", `outer UDP checksum ${offloads.outerChecksum ? "on" : "off"}`],
    ["offloads", offloads.features.flatMap(({ feature, enabled }) => (enabled ? [feature] : [])).join(", ") || "none"],
    ...offloads.features.flatMap(({ feature, enabled, reason = "" }) =>
      enabled ? [] : [["off", `${feature}: ${reason}`] as const],
    ),
    ...(answer.xdp?.interfaces ?? []).map((each) => ["xdp", describeXdp(each)] as const),
    ["networks", `${answer.networks}`],
    ["ports", `${answer.ports}`],
    ["fdb", `${fdb.entries} of ${fdb.capacity} entries${fdb.frozen > 0 ? `, ${fdb.frozen} frozen` : ""}`],
    ...answer.problems.map(({ message, since }) => ["problem", `${message} (since ${since})`] as const),
  ]);
  const workers = answer.workers.map(({ id, state, busyRatio, frames, restarts }) => [
    id,
    state,
    `${Math.round(busyRatio * 100)} %`,
    frames,
    restarts,
  ]);
  const heading = ["WORKER", "STATE", "BUSY", "FRAMES", "RESTARTS"];
  return `vxlane ${answer.version}, up ${duration(answer.uptime)}\n${lines}\n${table(heading, workers)}`;
}

function describeXdp({ name, as, mode, zeroCopy, queues, fault, hint }: XdpAnswer): string {
  const how = `${mode}${zeroCopy ? ", zero copy" : ""}, ${queues} ${queues === 1 ? "queue" : "queues"}`;
  return [`${as} ${name}: ${how}`, fault, hint].filter((part) => part !== undefined).join("; ");
}

/** The driver, its interface, and why it was chosen where the config leaves that open. */
function driverOf({ driver, interface: name, reason }: StatusAnswer["underlay"]): string {
  const where = name === undefined ? "" : ` on ${name}`;
  return `${driver}${where}${reason === undefined ? "" : `: ${reason}`}`;
}
