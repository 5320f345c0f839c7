// The two seams between the packet engine and the outside: overlay ports and the underlay. Both are batch-shaped:
// receive fills input descriptors of a worker, send takes output descriptors of a worker. Nothing else crosses.
//
// A worker owns its descriptors from `receive` until the last `send` of the batch has returned, so a driver that
// completes at once needs no bookkeeping; one whose buffers are not its own all the time is told when a batch is `done`. Neither function throws for what a peer or a full queue can cause:
// a frame that could not be sent gets its reason in the descriptor's DROP field, and settle counts it.

/** Overlay ports of one worker. */
export interface PortDriver {
  /**
   * Fills input descriptors 0 to n - 1 (payload at the inner Ethernet header, virtio-net header, attachment,
   * buffer) from the queue of `port` that this worker owns.
   * @param port port id
   * @param max at most this many frames, up to INPUTS_MAX
   * @returns n; less than `max` means that the queue is empty, or that the frames are large and wait for the next call
   */
  receive(port: number, max: number): number;

  /** Sends outputs `first` to `first + count - 1`, all bound for attachments of `port`: virtio-net header, then payload. */
  send(port: number, first: number, count: number): void;

  /** The batch of `count` inputs from a port is settled: its buffers are the driver's again. */
  done?(count: number): void;
}

/** The underlay of one worker. */
export interface UnderlayDriver {
  /** Datagrams, or trains of them, that the last `receive` took from the kernel and could not hand over yet: call it until there are none. */
  readonly held: number;

  /** Outputs of a batch below which the driver sends single frames as cheaply as trains of them; default: two. */
  readonly trainMin?: number;

  /**
   * Fills input descriptors 0 to n - 1 from one source (a socket, a ring).
   * @param source index of the source, as the driver put it into the epoll set
   * @returns n; 0 means that the source is empty
   */
  receive(source: number, max: number): number;

  /** Sends outputs `first` to `first + count - 1`, all bound for VTEPs: header (from the layer that the driver needs), then payload. */
  send(first: number, count: number): void;

  /** The batch of `count` inputs from the underlay is settled: its buffers are the driver's again. */
  done?(count: number): void;

  /** Called when the worker has gone round, a few times a second at least. */
  tick?(): void;

  /** A source that had nothing to give was deleted by somebody: the epoll set would report it for ever, so take it out. */
  isGone?(source: number): boolean;
}
