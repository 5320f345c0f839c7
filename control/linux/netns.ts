// The one function through which vxlane opens file descriptors of devices and sockets. It can enter another network
// namespace for that, because a descriptor belongs for ever to the namespace in which it was opened.
//
// setns(2) moves the calling thread only, so everything between entering and leaving has to be synchronous: a callback
// that awaited would run other work of this thread in the wrong namespace. Threads that are started meanwhile would
// inherit it too, hence no worker is started from inside.

import { CLONE_NEWNET, O_CLOEXEC, O_RDONLY } from "./constants.js";
import { check, close, open, setns } from "./libc.js";

/** The namespace of the calling thread. */
export const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/**
 * Runs `open` in a network namespace and returns what it returns.
 * @param netns a namespace file, such as `/run/netns/blue`; undefined: the one we are in
 * @param open synchronous; what it throws comes through after the way back
 * @throws SyscallError if there is no such namespace or the rights are missing (CAP_SYS_ADMIN)
 */
export function inNamespace<T>(netns: string | undefined, open: () => T): T {
  if (netns === undefined) return open();
  const home = openNamespace(OWN_NAMESPACE);
  try {
    enter(netns);
    try {
      const result = open();
      if (result instanceof Promise) throw new TypeError("what runs in a network namespace must not wait");
      return result;
    } finally {
      check(setns(home, CLONE_NEWNET), "setns back");
    }
  } finally {
    close(home);
  }
}

function enter(netns: string): void {
  const fd = openNamespace(netns);
  try {
    check(setns(fd, CLONE_NEWNET), `setns ${netns}`);
  } finally {
    close(fd);
  }
}

function openNamespace(path: string): number {
  return check(open(path, O_RDONLY | O_CLOEXEC), `open ${path}`);
}
