// @ts-check
// Changes that the notebook's undo takes back: all with the same key in one step, and none of the user's with them.

/** @typedef {import("../types.js").SharedNotebook} SharedNotebook */

/** The step that was made last in a notebook. @type {WeakMap<object, { key: string | symbol, item: object }>} */
const steps = new WeakMap();

/**
 * Change the cells of a notebook as part of the undo step with this key.
 *
 * Yjs appends a change to the step on top if the last change is less than `captureTimeout` ago; `lastChange = 0`
 * (`stopCapturing`) begins a new step. So our step stays open for our own changes, however late they come, as long as
 * it is on top, and is closed for everyone else's.
 * @param {SharedNotebook} notebook @param {string | symbol} key @param {() => void} change
 */
export function asStep(notebook, key, change) {
  const manager = notebook.undoManager;
  const top = manager.undoStack.at(-1);
  const step = steps.get(manager);
  const timeout = manager.captureTimeout;
  if (top && step?.key === key && step.item === top) {
    manager.lastChange = Date.now();
    manager.captureTimeout = Infinity;
  } else {
    manager.stopCapturing();
  }
  try {
    notebook.transact(change);
  } finally {
    manager.captureTimeout = timeout;
    manager.stopCapturing();
  }
  const item = manager.undoStack.at(-1);
  if (item && item !== top) steps.set(manager, { key, item });
}
