// Whole or not at all: a change of the tables takes its steps inside `atomically` and says after each how to take
// it back. A step that throws undoes the ones before it, last first. What cannot be undone (a store that workers
// see, the release of an old list) comes after the last step that may fail, by `onCommit`.

export interface Transaction {
  /** How to take back what has just been done. */
  onUndo(action: () => void): void;
  /** What to do, in order, once nothing can fail any more. */
  onCommit(action: () => void): void;
}

export function atomically<T>(steps: (transaction: Transaction) => T): T {
  const undo: (() => void)[] = [];
  const commit: (() => void)[] = [];
  let result: T;
  try {
    result = steps({ onUndo: (action) => undo.push(action), onCommit: (action) => commit.push(action) });
  } catch (error) {
    for (const action of undo.reverse()) action();
    throw error;
  }
  for (const action of commit) action();
  return result;
}
