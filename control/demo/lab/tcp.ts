// TCP one way, contents compared by SHA-256.

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createConnection, createServer, type Server } from "node:net";

/* Our choice. */
const BLOCK = 1 << 20;

export interface Transfer {
  bytes: number;
  sha256: string;
  /** From the first byte to the last. */
  ms: number;
}

const servers = new Map<number, { server: Server; transfer: Promise<Transfer> }>();

/** Accepts one connection. The port is the caller's choice, so that `tcpTransfer` can name it. */
export async function tcpListen(address: string, port: number): Promise<void> {
  const server = createServer({ pauseOnConnect: false });
  const transfer = new Promise<Transfer>((resolve, reject) => {
    server.once("connection", (socket) => {
      const hash = createHash("sha256");
      let bytes = 0;
      let start = 0;
      socket.on("data", (data) => {
        if (bytes === 0) start = performance.now();
        bytes += data.length;
        hash.update(data);
      });
      socket.once("end", () => {
        resolve({ bytes, sha256: hash.digest("hex"), ms: performance.now() - start });
        socket.end();
      });
      socket.once("error", reject);
    });
  });
  transfer.catch(() => undefined); // whoever asks for it sees it
  server.listen(port, address);
  await once(server, "listening");
  servers.set(port, { server, transfer });
}

/** What came in at the port, once the other side has closed. */
export async function tcpTransfer(port: number): Promise<Transfer> {
  const entry = servers.get(port);
  if (entry === undefined) throw new Error(`nothing listens at port ${port}`);
  servers.delete(port);
  try {
    return await entry.transfer;
  } finally {
    entry.server.close();
  }
}

export interface SendLimits {
  /** No more bytes than that. */
  bytes: number;
  /** Nothing new after that time. */
  durationMs?: number;
  /** Gives up when nothing moves for so long. */
  timeoutMs?: number;
}

/** Sends pseudo-random bytes and waits until the other side has taken all. */
export async function tcpSend(
  address: string,
  port: number,
  { bytes, durationMs = Number.POSITIVE_INFINITY, timeoutMs = 20_000 }: SendLimits,
): Promise<Transfer> {
  const socket = createConnection({ host: address, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no progress for ${timeoutMs} ms`)));
  await once(socket, "connect");
  const start = performance.now();
  const hash = createHash("sha256");
  const block = randomBytes(BLOCK);
  let sent = 0;
  while (sent < bytes && performance.now() - start < durationMs) {
    const part = Buffer.from(block.subarray(0, Math.min(BLOCK, bytes - sent)));
    if (part.length >= 8) part.writeDoubleBE(sent, 0); // no block is like another
    hash.update(part);
    sent += part.length;
    if (!socket.write(part)) await once(socket, "drain");
  }
  socket.end();
  socket.resume();
  await once(socket, "close");
  return { bytes: sent, sha256: hash.digest("hex"), ms: performance.now() - start };
}
