// @ts-check
// A task's changes to its cells in a notebook. What the user has changed is left alone. Whether the task may ask for them
// was decided before, in `rights.js`.
//
// A few ways of JupyterLab that shape this file:
// - A transaction inserts or removes in one place only: where it did in two, JupyterLab 4.6 made the wrong cell active
//   and scrolled there, as it looks for the active cell in the new list among the widgets of the old one.
// - Outputs are never changed inside a transaction of ours: it would hide the name of the model's own transaction
//   ("silent-change"), by which the model knows its own changes; every output would come twice.
// - `outputs.remove` is wrong for all but the first (it passes a length where an end is asked for), so that outputs are
//   set again from the first where some go.
// - Until JupyterLab 4.5, text that is added to a stream output which came with its cell is shown, but not saved. So
//   outputs are added when the cell is there, as a kernel's would be.

import { stateOf } from "./tasks.js";
import { asStep } from "./undo.js";

/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").CellNode} CellNode */
/** @typedef {import("../types.js").CodeCellModel} CodeCellModel */
/** @typedef {import("../types.js").NotebookModel} NotebookModel */
/** @typedef {import("../types.js").Output} Output */
/** @typedef {import("./requests.js").Append} Append */
/** @typedef {import("./requests.js").Change} Change */
/** @typedef {import("./requests.js").Edit} Edit */
/** @typedef {import("./requests.js").Insert} Insert */
/** @typedef {import("./requests.js").Outputs} Outputs */
/** @typedef {import("./requests.js").Remove} Remove */
/** @typedef {import("./requests.js").Reuse} Reuse */
/** @typedef {import("./requests.js").Source} Source */
/** @typedef {import("./tasks.js").Task} Task */

export class CellWriter {
  /** @param {NotebookModel} model @param {Task} task */
  constructor(model, task) {
    this.model = model;
    this.task = task;
    /** @type {Set<string>} */
    this.gone = new Set();
    /** @type {Set<string>} */
    this.detached = new Set();
    /** @type {Set<string>} */
    this.adopted = new Set();
  }

  /** Make changes that were admitted. @param {Change[]} changes */
  apply(changes) {
    const reused = new Set(changes.filter((change) => change.do === "reuse").map(({ id }) => id));
    for (const id of this.task.kept) if (!reused.has(id)) this.takeMark(id);
    this.task.kept.clear();
    for (const change of changes) {
      if (change.do === "insert") this.insert(change);
      else if (change.do === "remove") this.remove(change);
      else if (change.do === "reuse") this.reuse(change);
      else this.tryEdit(change);
    }
    return { gone: [...this.gone], detached: [...this.detached], adopted: [...this.adopted] };
  }

  /** @param {Remove} change */
  remove({ id, source, undo }) {
    const cell = this.find(id);
    if (!cell) return;
    const isKept = cell.sharedModel.source !== source || cell.getMetadata("codeagent")?.kept;
    const isUsers = this.task.own.has(id) ? !this.isOurs(cell) : !this.task.old.get(id)?.includes(source);
    if (isKept || isUsers) return this.leaveToUser(id);
    const { sharedModel } = this.model;
    const index = sharedModel.cells.findIndex((one) => one.id === id);
    asStep(sharedModel, undo, () => sharedModel.deleteCell(index));
  }

  /** The cell stands there already as the task would write it: Run All has sent its code, and its outputs are to come
   * into it; or the user has approved it as it stands. It is the task's, unless the user has edited, kept or run it.
   * @param {Reuse} change */
  reuse({ id, source }) {
    const cell = this.find(id);
    if (!cell) return void this.gone.add(id);
    if (cell.sharedModel.source !== source) return this.leaveToUser(id);
    this.task.places.add(id);
    this.task.reused.add(id);
    const isEdited = this.task.own.has(id) && !this.isOurs(cell) && !isWaiting(cell);
    if (isUsers(cell) || isEdited || this.task.users.has(id)) return;
    this.adopted.add(id);
    this.note(cell);
  }

  /** What stands in cells of the task whose code the user is asked about. @param {string[]} ids */
  read(ids) {
    const cells = ids.map((id) => this.find(id)).filter((cell) => cell !== undefined);
    const those = cells.filter((cell) => this.task.own.has(cell.id) && isWaiting(cell));
    return Object.fromEntries(those.map(({ id, sharedModel }) => [id, sharedModel.source]));
  }

  /** @param {Insert} change */
  insert({ after, cells, undo }) {
    const { sharedModel } = this.model;
    const ids = sharedModel.cells.map((cell) => cell.id);
    const present = new Set(ids);
    this.claim(cells.filter(({ id }) => present.has(id)));
    const fresh = cells.filter(({ id }) => !present.has(id));
    if (!fresh.length) return;
    const above = after.find((id) => present.has(id));
    if (after.length && above === undefined) return fresh.forEach(({ id }) => this.gone.add(id));
    const index = above === undefined ? ids.length : ids.indexOf(above) + 1;
    // Before, cells are saved without their ids.
    if (sharedModel.nbformat === 4 && sharedModel.nbformat_minor < 5) sharedModel.nbformat_minor = 5;
    asStep(sharedModel, undo, () => sharedModel.insertCells(index, fresh.map(bare)));
    for (const cell of fresh) this.addOutputs(cell);
  }

  /** @param {CellNode} node */
  addOutputs(node) {
    const cell = this.find(node.id);
    if (!cell) return;
    this.task.places.add(node.id);
    this.task.users.delete(node.id); // that one was deleted
    if (cell.type === "code") for (const output of node.outputs ?? []) cell.outputs.add(output);
    this.note(cell);
  }

  /** A request may come again: its cells are there, and still as it made them. @param {CellNode[]} nodes */
  claim(nodes) {
    for (const node of nodes) {
      const cell = this.find(node.id);
      if (!cell) continue;
      const isSame = cell.type === node.cell_type && cell.sharedModel.source === text(node.source);
      if (!isSame || !hasOutputs(cell, node.outputs ?? []) || !this.isOurs(cell)) this.leaveToUser(node.id);
    }
  }

  /** A cell that cannot be changed as it is asked for is not what the kernel takes it for: from here on it is left
   * alone. The other changes are not held up by it. @param {Edit} change */
  tryEdit(change) {
    try {
      this.edit(change);
    } catch {
      this.leaveToUser(change.id);
    }
  }

  /** @param {Edit} change */
  edit(change) {
    const cell = this.find(change.id);
    if (!cell) return void this.gone.add(change.id);
    if (!this.isOurs(cell)) return this.leaveToUser(change.id);
    if (change.do === "metadata") return setMetadata(cell, change.metadata);
    if (change.do === "source") setSource(cell, change);
    else if (cell.type === "code") editCode(cell, change);
    else throw new Error(`Cell ${cell.id} is not one of code.`);
    this.note(cell);
  }

  /** From here on no task changes it, and it bears no mark of the agent's. @param {string} id */
  leaveToUser(id) {
    this.detached.add(id);
    this.task.own.delete(id);
    this.task.old.delete(id);
    this.task.users.add(id);
    this.takeMark(id);
  }

  /** @param {string} id */
  takeMark(id) {
    const cell = this.find(id);
    if (cell?.getMetadata("codeagent") !== undefined) cell?.deleteMetadata("codeagent");
  }

  /** What the kernel is told of the cells that a task may change: those that are there, and those that are the user's. */
  survey() {
    const ours = [];
    const theirs = new Set(this.task.users);
    for (const id of new Set([...this.task.old.keys(), ...this.task.own.keys()])) {
      const cell = this.find(id);
      if (!cell) continue;
      const isOurs = this.task.own.has(id) ? this.isOurs(cell) : this.isAsMade(cell);
      if (isOurs) ours.push(about(cell));
      else theirs.add(id);
    }
    const those = [...theirs].map((id) => this.find(id)).filter((cell) => cell !== undefined);
    return { cells: ours, theirs: those.map(about), marked: this.marked() };
  }

  /** Cells that say that this task's cell has made them, and nobody here knows it: they are told of, and no more. */
  marked() {
    const { anchor, own, old, users } = this.task;
    const known = (/** @type {string} */ id) => own.has(id) || old.has(id) || users.has(id);
    const ids = this.model.sharedModel.cells.filter((cell) => {
      const mark = cell.getMetadata("codeagent");
      return anchor !== null && mark?.cell === anchor && !mark.kept && !known(cell.id);
    });
    return ids.map(({ id }) => id);
  }

  /** By an earlier run, and neither changed nor kept by the user since. @param {CellModel} cell */
  isAsMade(cell) {
    const isMade = this.task.old.get(cell.id)?.includes(cell.sharedModel.source);
    if (isMade && !cell.getMetadata("codeagent")?.kept) return true;
    this.task.old.delete(cell.id);
    this.task.kept.add(cell.id);
    this.task.users.add(cell.id);
    return false;
  }

  /** A page that was loaded again may show cells as they were a while ago, and what the user made of them since. */
  meetAgain() {
    for (const [id, written] of [...this.task.own]) {
      const cell = this.find(id);
      if (!cell) continue;
      const now = stateOf(cell);
      const isEarlier = now.type === written.type && written.source.startsWith(now.source);
      if (isEarlier && now.count === null) this.note(cell);
      else if (!isWaiting(cell)) this.leaveToUser(id);
    }
  }

  /** Neither edited, converted nor run by the user since we wrote last. @param {CellModel} cell */
  isOurs(cell) {
    const written = this.task.own.get(cell.id);
    const now = stateOf(cell);
    return (
      cell.sharedModel.executionState !== "running" &&
      written?.type === now.type && written.source === now.source &&
      written.outputs === now.outputs && written.count === now.count
    );
  }

  /** @param {CellModel} cell */
  note(cell) {
    this.task.own.set(cell.id, stateOf(cell));
  }

  /** @param {string} id */
  find(id) {
    return findCell(this.model, id);
  }
}

/** @param {NotebookModel} model @param {string} id @returns {CellModel | undefined} */
export function findCell({ sharedModel, cells }, id) {
  const index = sharedModel.cells.findIndex((cell) => cell.id === id);
  return index < 0 ? undefined : cells.get(index);
}

/** What the kernel is told of a cell. @param {CellModel} cell */
function about({ id, type, sharedModel: { source } }) {
  return { id, source, cell_type: type };
}

/** The user is asked whether its code may run. @param {CellModel} cell */
function isWaiting(cell) {
  return cell.type === "code" && cell.getMetadata("codeagent")?.status === "waiting";
}

/** Kept by the user, run in the notebook's own kernel, or about to be. @param {CellModel} cell */
function isUsers(cell) {
  const mark = cell.getMetadata("codeagent");
  return !mark || mark.kept || mark.ran || cell.sharedModel.executionState === "running" || stateOf(cell).count !== null;
}

/** The cell without its outputs. It is trusted, as those are harmless (`harmless.js`): else the notebook would be
 * trusted no more once it is saved, and with it the user's own outputs. From the metadata, so that it is the same after
 * undo and redo. @param {CellNode} cell @returns {CellNode} */
function bare(cell) {
  if (cell.cell_type !== "code") return cell;
  return { ...cell, metadata: { ...cell.metadata, trusted: true }, outputs: [] };
}

/** @param {CellModel} cell @param {Record<string, any>} metadata */
function setMetadata(cell, metadata) {
  for (const [key, value] of Object.entries(metadata)) {
    if (value === null) cell.deleteMetadata(key);
    else cell.setMetadata(key, key === "codeagent" ? stillKept(cell, value) : value);
  }
}

/** The kernel does not know what the user has kept meanwhile.
 * @param {CellModel} cell @param {Record<string, any>} codeagent */
function stillKept(cell, codeagent) {
  const kept = cell.getMetadata("codeagent")?.kept;
  return kept ? { ...codeagent, kept } : codeagent;
}

/** @param {CellModel} cell @param {Source} change */
function setSource(cell, { from, text }) {
  const shared = cell.sharedModel;
  const { length } = shared.source;
  if (from > length) throw new Error(`Cell ${cell.id} has only ${length} characters.`);
  shared.transact(() => shared.updateSource(from, length, text), false);
}

/** @param {CodeCellModel} cell @param {Outputs | Append} change */
function editCode(cell, change) {
  if (change.do === "outputs") setOutputs(cell, change);
  else if (change.do === "append") append(cell, change);
  else throw new Error(`Unknown change ${JSON.stringify(change)}`);
}

/** @param {CodeCellModel} cell @param {Outputs} change */
function setOutputs({ id, outputs: model }, { from, outputs }) {
  const { length } = model;
  if (from > length) throw new Error(`Cell ${id} has only ${length} outputs.`);
  if (from < length) return model.fromJSON([...model.toJSON().slice(0, from), ...outputs]);
  for (const output of outputs) model.add(output);
}

/** @param {CodeCellModel} cell @param {Append} change */
function append({ id, outputs }, { index, text }) {
  const last = outputs.length ? outputs.get(outputs.length - 1).toJSON() : undefined;
  if (index !== outputs.length - 1 || last?.output_type !== "stream") {
    throw new Error(`Output ${index} of cell ${id} is not a stream at its end.`);
  }
  outputs.add({ output_type: "stream", name: last.name, text });
}

/** @param {CellModel} cell @param {Output[]} outputs */
function hasOutputs(cell, outputs) {
  if (cell.type !== "code") return true;
  const shown = cell.outputs;
  const Outputs = /** @type {new (options: object) => typeof shown} */ (shown.constructor);
  const wanted = new Outputs({ values: outputs }); // joined and with carriage returns done, as the page has its own
  const same = JSON.stringify(sorted(shown.toJSON())) === JSON.stringify(sorted(wanted.toJSON()));
  wanted.dispose();
  return same;
}

/** The keys of objects in one order. @param {any} value @returns {any} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

/** @param {string | string[]} source */
function text(source) {
  return typeof source === "string" ? source : source.join("");
}
