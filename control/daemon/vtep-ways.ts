// Tells every VTEP whether the tap underlay's interface is its way: VTEP_FLAG_SOCKET where its route leads elsewhere, is narrower, or is
// missing. A VTEP that the config names is looked up at once, and has a problem of its own in `status` if it goes by socket.
//
// Of one that was made on receipt, because a prefix of an allow list covers its address, anybody may make thousands with forged
// addresses. So of those a few are looked up at a time, those that were never looked up first; and whatever becomes of them is one problem,
// one line of the log.

import { VTEP_FLAG_GROUP } from "../../dataplane-wasm/layout.js";
import { formatAddress } from "../address.js";
import { type Interface, SyscallError } from "../linux/index.js";
import type { Vteps } from "../tables/vteps.js";
import type { Problems } from "./problems.js";

/* Our choice: some 10 ms. All that there can be are done within two seconds of ticks. */
const LEARNED_A_LOOK = 512;

/** Subject of the problem that all learned VTEPs have together. */
const LEARNED = "";

interface Way {
  readonly way: "tap" | "elsewhere" | "none";
  /** What it is instead. */
  readonly name: string;
}

export class VtepWays {
  readonly #vteps: Pick<Vteps, "ids" | "address" | "flags" | "isLearned" | "setBySocket">;
  readonly #problems: Problems;
  readonly #lookUp: (address: Uint8Array) => { readonly index: number; readonly mtu: number };
  /** What has been looked up, by id: address, and in which round. */
  readonly #known = new Map<number, { readonly text: string; readonly isLearned: boolean; round: number }>();
  /** Addresses of learned VTEPs that go by socket, by id. */
  readonly #bySocket = new Map<number, string>();
  #round = 0;

  /** @param lookUp the kernel's answer for an address; `mtu` 0: the interface's. Throws SyscallError where there is no route */
  constructor(
    vteps: Pick<Vteps, "ids" | "address" | "flags" | "isLearned" | "setBySocket">,
    problems: Problems,
    lookUp: (address: Uint8Array) => { readonly index: number; readonly mtu: number },
  ) {
    this.#vteps = vteps;
    this.#problems = problems;
    this.#lookUp = lookUp;
  }

  /** Everything may have changed: the next looks ask again. */
  forget(): void {
    this.#round++;
  }

  /** Looks up what is new, and what was forgotten. @param interfaces asked for only if there is any of it */
  look(
    nic: { readonly index: number; readonly name: string },
    interfaces: readonly Interface[] | (() => readonly Interface[]),
  ): void {
    let links: readonly Interface[] | undefined;
    const wayTo = (address: Uint8Array) => {
      links ??= typeof interfaces === "function" ? interfaces() : interfaces;
      return this.#wayTo(address, nic, links);
    };
    const named = new Set<string>();
    const there = new Set<number>();
    const again: number[] = [];
    let learned = 0;
    for (const id of this.#vteps.ids()) {
      const address = this.#vteps.address(id);
      if (address === undefined || (this.#vteps.flags(id) & VTEP_FLAG_GROUP) !== 0) continue;
      const text = formatAddress(address);
      const isLearned = this.#vteps.isLearned(id);
      there.add(id);
      if (!isLearned) named.add(text);
      const known = this.#known.get(id);
      if (known?.text === text && known.isLearned === isLearned) {
        if (known.round === this.#round) continue;
        if (isLearned) {
          again.push(id);
          continue;
        }
      }
      if (isLearned && learned++ >= LEARNED_A_LOOK) continue;
      this.#note(id, text, isLearned, nic, wayTo(address));
    }
    for (const id of again) {
      const address = this.#vteps.address(id);
      if (learned++ >= LEARNED_A_LOOK) break;
      if (address !== undefined) this.#note(id, formatAddress(address), true, nic, wayTo(address));
    }
    for (const id of this.#known.keys()) {
      if (there.has(id)) continue;
      this.#known.delete(id);
      this.#bySocket.delete(id);
    }
    this.#report(nic.name);
    this.#problems.retain("underlay_route", (text) => text === LEARNED || named.has(text));
  }

  #note(id: number, text: string, isLearned: boolean, nic: { readonly name: string }, { way, name }: Way): void {
    this.#known.set(id, { text, isLearned, round: this.#round });
    this.#vteps.setBySocket(id, way !== "tap");
    if (isLearned && way !== "tap") {
      this.#bySocket.set(id, text);
      return;
    }
    this.#bySocket.delete(id);
    if (isLearned) return;
    if (way === "tap") this.#problems.end("underlay_route", text);
    else if (way === "none") this.#problems.begin("underlay_route", text, `there is no route to the VTEP ${text}`);
    else {
      const message = `the way to the VTEP ${text} is through ${name}, not ${nic.name}: it goes by socket, which is slower`;
      this.#problems.begin("underlay_route", text, message);
    }
  }

  #report(nicName: string): void {
    const [first] = this.#bySocket.values();
    if (first === undefined) {
      this.#problems.end("underlay_route", LEARNED);
      return;
    }
    const which = `${this.#bySocket.size}, ${first} for one`;
    const message =
      `VTEPs that only a prefix of an allow list covers are not reached through ${nicName} (${which}): ` +
      "they go by socket, which is slower; name those that you know, and narrow the prefix";
    this.#problems.update("underlay_route", LEARNED, message);
  }

  #wayTo(address: Uint8Array, nic: { readonly index: number }, links: readonly Interface[]): Way {
    try {
      const { index, mtu } = this.#lookUp(address);
      if (index !== nic.index) {
        return { way: "elsewhere", name: links.find((link) => link.index === index)?.name ?? `interface ${index}` };
      }
      // A path MTU is something that sockets know how to keep.
      const isNarrow = mtu !== 0 && mtu < (links.find((link) => link.index === index)?.mtu ?? 0);
      return isNarrow ? { way: "elsewhere", name: `a path of MTU ${mtu}` } : { way: "tap", name: "" };
    } catch (error) {
      if (error instanceof SyscallError) return { way: "none", name: "" };
      throw error;
    }
  }
}
