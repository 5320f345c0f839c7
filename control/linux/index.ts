// The door to Linux: what the rest of control uses of this folder. Everything in here is synchronous, and everything
// that fails throws a SyscallError with the call and its errno, or a VxlaneError where an operator is meant to read it.

export { type Capability, lockedMemoryMax, missingCapabilities, NO_BPF, remedyFor } from "./capabilities.js";
export {
  createEpoll,
  EPOLL_PORT,
  EPOLL_UNDERLAY,
  EPOLL_WAKE,
  EpollDoor,
  EpollTable,
  epollAdd,
  epollRemove,
} from "./epoll.js";
export { errnoName, SyscallError } from "./errno.js";
export { createBell, drainBell, ringBell } from "./eventfd.js";
export { describeHolder, type PortHolder, whoHasUdpPort, whoHasXdp } from "./holders.js";
export { baseAddress, closeFd } from "./libc.js";
export { LinkEvents } from "./link-events.js";
export { type Interface, type Link, type LinkAddress, listInterfaces, listTxDropped } from "./links.js";
export { acquireNetlink, type Netlink, releaseNetlink } from "./netlink.js";
export { inNamespace } from "./netns.js";
export {
  lowerPriority,
  niceOf,
  ownNice,
  raiseOwnPriority,
  raiseSession,
  sessionNice,
} from "./priority.js";
export { lookUpMtu, lookUpRoute, lookUpWay, type Route } from "./routes.js";
export { openTap, type Tap, type TapOffloads, type TapOptions, tapConflict, tellsTapIsGone } from "./tap.js";
export {
  allowInterrupts,
  interruptThread,
  readThread,
  type ThreadState,
  threadId,
  threadIds,
} from "./threads.js";
export { probeTrains, type TrainProbe } from "./train-probe.js";
export { openTunnelTap, type TunnelTap, tunnelConflict } from "./tunnel-tap.js";
export { type GroupSocket, openUnderlay, type Underlay, type UnderlayOptions } from "./underlay.js";
