// Starts tap-loop.c with the TAP that it needs besides its own: that of the tap underlay (tunnel GSO), made and joined to the
// underlay's interface by vxlane's own code. It and the programs that join the two are there as long as this process.
//
//   node tap-loop.js DEVICE LOCAL PORT PROGRAM ARGUMENT...    DEVICE has the address LOCAL

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseAddress } from "../../../control/address.js";
import { listInterfaces, openTunnelTap } from "../../../control/linux/index.js";

/** Of this program. */
export const TAP_LOOP = fileURLToPath(import.meta.url);

function startOn(device: string, address: string, port: string, program: string, args: readonly string[]): void {
  const nic = listInterfaces().find(({ name }) => name === device);
  const local = parseAddress(address);
  if (nic === undefined || local === undefined) throw new Error(`no interface ${device}, or no address ${address}`);
  const tunnel = openTunnelTap({ local, port: Number(port), queues: 1, offloads: true });
  tunnel.join(nic);
  const loop = spawn(program, [...args], { stdio: ["ignore", "inherit", "inherit", tunnel.queueFds[0]] });
  process.once("SIGTERM", () => loop.kill()); // and then the loop's end is ours
  loop.once("error", ({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
  });
  loop.once("exit", (code) => process.exit(code ?? 1));
}

if (process.argv[1] === TAP_LOOP) {
  const [, , device = "", local = "", port = "", program = "", ...args] = process.argv;
  startOn(device, local, port, program, args);
}
