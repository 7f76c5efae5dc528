// @ts-check
// Which cells the agent has made, and marks on those that the user has not kept.

import { followUser, isTakenBack, settle } from "./turned.js";

/** @typedef {import("../types.js").Cell} Cell */
/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").Notebook} Notebook */
/** @typedef {import("./tasks.js").Tasks} Tasks */

/** What stands above a cell whose task was taken back: words have no variables. */
const TAKEN_BACK = { code: "Taken back: its variables are gone", markdown: "Taken back", raw: "Taken back" };

/** Made by the agent, and not yet kept by the user. @param {CellModel} cell */
export function isGenerated(cell) {
  const codeagent = cell.getMetadata("codeagent");
  return codeagent?.cell !== undefined && !codeagent.kept;
}

/** Of the same step of the agent. @param {CellModel} one @param {CellModel} other */
export function isSameStep(one, other) {
  const [a, b] = [one.getMetadata("codeagent"), other.getMetadata("codeagent")];
  return a !== undefined && b !== undefined && a.cell === b.cell && a.step === b.step;
}

/** Mark the cells that are there and those that come.
 * @param {Notebook} notebook @param {Tasks} tasks @param {() => void} changed */
export function markCells(notebook, tasks, changed) {
  /** @type {WeakSet<Cell>} */
  const seen = new WeakSet();
  const markAll = () => {
    for (const cell of notebook.widgets) {
      if (seen.has(cell)) continue;
      seen.add(cell);
      settle(cell.model, tasks);
      mark(cell);
      followUser(cell.model);
      cell.model.metadataChanged.connect((_, { key }) => {
        if (key !== "codeagent" || cell.isDisposed) return;
        mark(cell);
        changed();
      });
    }
  };
  markAll();
  notebook.model.cells.changed.connect(markAll); // the notebook itself has heard it before: the widgets are there
}

/** @param {Cell} cell */
function mark(cell) {
  const isMarked = isGenerated(cell.model);
  const isGone = isMarked && isTakenBack(cell.model);
  cell.toggleClass("codeagent-generated", isMarked);
  cell.toggleClass("codeagent-taken-back", isGone);
  const there = cell.node.querySelector(":scope > .codeagent-note");
  if (!isGone) return there?.remove();
  if (there) return;
  const note = document.createElement("div");
  note.className = "codeagent-note";
  note.textContent = TAKEN_BACK[cell.model.type];
  cell.node.prepend(note);
}
