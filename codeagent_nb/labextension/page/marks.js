// @ts-check
// Which cells the agent has made, and a mark on those that the user has not kept.

/** @typedef {import("../types.js").Cell} Cell */
/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").Notebook} Notebook */

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

/** Mark the cells that are there and those that come. @param {Notebook} notebook @param {() => void} changed */
export function markCells(notebook, changed) {
  /** @type {WeakSet<Cell>} */
  const seen = new WeakSet();
  const mark = (/** @type {Cell} */ cell) => cell.toggleClass("codeagent-generated", isGenerated(cell.model));
  const markAll = () => {
    for (const cell of notebook.widgets) {
      if (seen.has(cell)) continue;
      seen.add(cell);
      mark(cell);
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
