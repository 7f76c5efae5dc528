// @ts-check
// The user's place in a notebook, which stays while cells come and go.
//
// JupyterLab keeps the active cell, the selection and the mode itself, and the active cell where it is on the screen.

/** @typedef {import("../types.js").Notebook} Notebook */

/** Longer than it takes until new cells are drawn, which is when the browser is idle. */
const HOLD = 2000;

/** @type {WeakMap<Notebook, ReturnType<typeof setTimeout>>} */
const holds = new WeakMap();

/** @template T @param {Notebook} notebook @param {() => T} change @returns {T} */
export function keepPlace(notebook, change) {
  const { activeCell, activeCellIndex, mode } = notebook;
  const above = notebook.widgets.slice(0, activeCellIndex);
  holdView(notebook);
  const result = change();
  if (activeCell?.isDisposed) {
    // JupyterLab would make the first cell active, and scroll there in edit mode.
    if (mode === "edit") notebook.mode = "command";
    notebook.activeCellIndex = above.filter((cell) => !cell.isDisposed).length;
  }
  return result;
}

/** JupyterLab has browsers hold nothing but the active cell in its place. While that is out of sight, let them hold
 * what is seen. @param {Notebook} notebook */
function holdView(notebook) {
  const { node } = notebook;
  node.classList.toggle("codeagent-hold", !isActiveSeen(notebook));
  void node.offsetHeight; // what is held is chosen when the page is laid out, so before the change
  clearTimeout(holds.get(notebook));
  holds.set(notebook, setTimeout(() => node.classList.remove("codeagent-hold"), HOLD));
}

/** @param {Notebook} notebook */
function isActiveSeen({ activeCell, outerNode }) {
  if (!activeCell) return false;
  const cell = activeCell.node.getBoundingClientRect();
  const view = outerNode.getBoundingClientRect();
  return cell.bottom > view.top && cell.top < view.bottom;
}
