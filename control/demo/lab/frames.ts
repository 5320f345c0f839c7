// Ethernet frames as they pass an interface: caught, and sent as they are.

import { interfaceIndex, PacketSocket } from "./sockets.js";

/** A frame that passed an interface. */
export interface CaughtFrame {
  interface: string;
  outgoing: boolean;
  checksumPending: boolean;
  data: Uint8Array;
}

interface Capture {
  socket: PacketSocket;
  names: Map<number, string>;
}
const captures = new Map<number, Capture>();
let captureCount = 0;

/** Keeps what passes these interfaces from now on. Returns the number that `caught` wants. */
export async function capture(interfaces: string[]): Promise<number> {
  const names = new Map(interfaces.map((name) => [interfaceIndex(name), name]));
  captures.set(++captureCount, { socket: new PacketSocket(), names });
  return captureCount;
}

/** The frames of a capture, in their order, since the last call. Ends it, unless it is to go on. */
export async function caught(id: number, goesOn = false): Promise<CaughtFrame[]> {
  const entry = captures.get(id);
  if (entry === undefined) throw new Error(`there is no capture ${id}`);
  const frames: CaughtFrame[] = [];
  for (let frame = entry.socket.receive(); frame !== undefined; frame = entry.socket.receive()) {
    const name = entry.names.get(frame.interface);
    if (name !== undefined) frames.push({ ...frame, interface: name });
  }
  if (goesOn) return frames;
  captures.delete(id);
  entry.socket.close();
  return frames;
}

/** Sends Ethernet frames as they are. */
export async function sendFrames(name: string, frames: Uint8Array[]): Promise<void> {
  const socket = new PacketSocket(name);
  try {
    for (const frame of frames) socket.send(frame);
  } finally {
    socket.close();
  }
}
