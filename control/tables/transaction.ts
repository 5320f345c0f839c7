// Whole or not at all: a change of the tables takes its steps inside `atomically` and says after each how to take
// it back. A step that throws undoes the ones before it, last first. What cannot be undone (a store that workers
// see, the release of an old list) comes after the last step that may fail, by `onCommit`. What undoing and committing
// need, and may not lack, a caller has kept, and gives back before either.

export interface Transaction {
  /** How to take back what has just been done. */
  onUndo(action: () => void): void;
  /** What to do, in order, once nothing can fail any more. */
  onCommit(action: () => void): void;
}

/** @param giveBack called before the steps are undone or committed */
export function atomically<T>(steps: (transaction: Transaction) => T, giveBack = () => {}): T {
  const undo: (() => void)[] = [];
  const commit: (() => void)[] = [];
  let result: T;
  try {
    result = steps({ onUndo: (action) => undo.push(action), onCommit: (action) => commit.push(action) });
  } catch (error) {
    giveBack();
    for (const action of undo.reverse()) action();
    throw error;
  }
  giveBack();
  for (const action of commit) action();
  return result;
}
