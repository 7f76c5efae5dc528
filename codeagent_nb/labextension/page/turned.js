// @ts-check
// The mark on cells whose task was taken back: their variables are gone, and nothing there may look as if it ran.
//
// It is in the cell's metadata, so that a page which is loaded again shows it. What the user has edited, run or kept is the
// user's, and never bears it.

/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").NotebookModel} NotebookModel */
/** @typedef {import("./tasks.js").Task} Task */
/** @typedef {import("./tasks.js").Tasks} Tasks */

/** @param {CellModel} cell */
export function isTakenBack(cell) {
  return cell.getMetadata("codeagent")?.taken_back === true;
}

/** Note that a task was taken back, or again, and mark its cells; gives how many of them are there.
 * @param {Task} task @param {boolean} takenBack @param {NotebookModel} model @param {Tasks} tasks */
export function turn(task, takenBack, { cells }, tasks) {
  task.takenBack = takenBack;
  return settleAll(cells, tasks).filter((writer) => writer === task).length;
}

/** @param {NotebookModel["cells"]} cells @param {Tasks} tasks */
export function settleAll(cells, tasks) {
  return Array.from({ length: cells.length }, (_, index) => settle(cells.get(index), tasks));
}

/** Give a cell the mark that it has to bear; undo and redo bring cells back as they were when they went. Gives the task
 * that wrote it. @param {CellModel} cell @param {Tasks} tasks */
export function settle(cell, tasks) {
  const task = tasks.writerOf(cell);
  const about = cell.getMetadata("codeagent");
  if (!task || !about || about.kept) return undefined;
  if (task.takenBack && !about.taken_back) cell.setMetadata("codeagent", { ...about, taken_back: true });
  else if (!task.takenBack && about.taken_back) takeMark(cell);
  return task;
}

/** Take the mark off a cell once the user has edited it, or runs it. @param {CellModel} cell */
export function followUser(cell) {
  const { sharedModel } = cell;
  sharedModel.changed.connect((_, { sourceChange }) => {
    const runs = sharedModel.executionState === "running" || (sharedModel.execution_count ?? null) !== null;
    if ((sourceChange || runs) && isTakenBack(cell)) takeMark(cell);
  });
}

/** @param {CellModel} cell */
function takeMark(cell) {
  const { taken_back: _, ...rest } = cell.getMetadata("codeagent");
  cell.setMetadata("codeagent", rest);
}
