// @ts-check
// Which cells the agent has made, and marks on those that are not the user's: neither kept nor run in the notebook's own
// kernel since.

import { followUser, isTakenBack, settle } from "./turned.js";

/** @typedef {import("../types.js").Cell} Cell */
/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").Notebook} Notebook */
/** @typedef {import("./tasks.js").Tasks} Tasks */

/** What stands above a cell whose task was taken back: words have no variables. */
const TAKEN_BACK = { code: "Taken back: its variables are gone", markdown: "Taken back", raw: "Taken back" };

/** What stands above code that the agent has run: its outputs are of another kernel, and here its variables are not. */
const RAN_THERE = "Ran in the agent's kernel, not in yours";

/** Made by the agent, and not yet the user's. @param {CellModel} cell */
export function isGenerated(cell) {
  const codeagent = cell.getMetadata("codeagent");
  return codeagent?.cell !== undefined && !codeagent.kept && !codeagent.ran;
}

/** Code that the agent has run to its end. @param {CellModel} cell */
export function hasRunThere(cell) {
  return cell.type === "code" && cell.getMetadata("codeagent")?.status === "ok";
}

/** @param {CellModel} one @param {CellModel} other */
export function isSameTask(one, other) {
  const [a, b] = [one.getMetadata("codeagent"), other.getMetadata("codeagent")];
  if (a === undefined || b === undefined || a.cell !== b.cell) return false;
  return a.cell !== null || runOf(a) === runOf(b);
}

/** Tasks from the panel have no cell, and say with their steps which run these are of. @param {{ step: string }} about */
function runOf({ step }) {
  return String(step).split("-")[0];
}

/** The user has run it here. @param {CellModel} cell */
export function becomeOwn(cell) {
  const { taken_back: _, ...about } = cell.getMetadata("codeagent") ?? {};
  if (about.cell !== undefined && !about.ran) cell.setMetadata("codeagent", { ...about, ran: true });
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
      followRuns(cell.model);
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

/** Code that has run in the notebook's own kernel has a count, which the agent's never has. @param {CellModel} cell */
function followRuns(cell) {
  const { sharedModel } = cell;
  sharedModel.changed.connect(() => (sharedModel.execution_count ?? null) !== null && becomeOwn(cell));
}

/** @param {Cell} cell */
function mark(cell) {
  const isMarked = isGenerated(cell.model);
  cell.toggleClass("codeagent-generated", isMarked);
  cell.toggleClass("codeagent-taken-back", isMarked && isTakenBack(cell.model));
  const text = noteOn(cell.model);
  cell.node.querySelector(":scope > .codeagent-note")?.remove();
  if (!text) return;
  const note = document.createElement("div");
  note.className = "codeagent-note";
  note.textContent = text;
  cell.node.prepend(note);
}

/** To keep a cell does not change where it ran. @param {CellModel} cell */
function noteOn(cell) {
  if (isGenerated(cell) && isTakenBack(cell)) return TAKEN_BACK[cell.type];
  return hasRunThere(cell) && !cell.getMetadata("codeagent").ran ? RAN_THERE : "";
}
