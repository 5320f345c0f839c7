export function initialise(): void {}

export { fdbFlush, fdbRemove, fdbSet, fdbSweep } from "./fdb/control";
export { fdbGet } from "./fdb/find";
export { fdbLearn } from "./fdb/learn";
export { releaseLocks } from "./fdb/lock";
