// @ts-check
// The kernel's changes to the cells of a notebook. What the user has changed is left alone.
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

import { asStep } from "./undo.js";

/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").CellNode} CellNode */
/** @typedef {import("../types.js").CodeCellModel} CodeCellModel */
/** @typedef {import("../types.js").NotebookModel} NotebookModel */
/** @typedef {import("../types.js").Output} Output */

/** @typedef {{ do: "remove", id: string, source: string, undo: string }} Remove */
/** @typedef {{ do: "insert", after: string[], cells: CellNode[], trusted: boolean, undo: string }} Insert */
/** @typedef {{ do: "source", id: string, from: number, text: string }} Source */
/** @typedef {{ do: "outputs", id: string, from: number, outputs: Output[] }} Outputs */
/** @typedef {{ do: "append", id: string, index: number, text: string }} Append */
/** @typedef {{ do: "count", id: string, execution_count: number | null }} Count */
/** @typedef {{ do: "metadata", id: string, metadata: Record<string, any> }} Metadata */
/** @typedef {Source | Outputs | Append | Count | Metadata} Edit */
/** @typedef {Remove | Insert | Edit} Change */

/** What we wrote into a cell last.
 * @typedef {{ type: string, source: string, outputs: number, count: number | null }} Written */

export class CellWriter {
  /** @param {NotebookModel} model */
  constructor(model) {
    this.model = model;
    /** @type {Map<string, Written>} */
    this.written = new Map();
    this.gone = new Set();
    this.detached = new Set();
  }

  /** @param {Change[]} changes */
  apply(changes) {
    this.gone = new Set();
    this.detached = new Set();
    for (const change of changes) {
      if (change.do === "insert") this.insert(change);
      else if (change.do === "remove") this.remove(change);
      else this.tryEdit(change);
    }
    return { gone: [...this.gone], detached: [...this.detached] };
  }

  /** @param {Remove} change */
  remove({ id, source, undo }) {
    const { sharedModel } = this.model;
    const index = sharedModel.cells.findIndex((cell) => cell.id === id);
    if (index < 0) return;
    const cell = sharedModel.cells[index];
    if (cell.source !== source || cell.getMetadata("codeagent")?.kept) return void this.detached.add(id);
    asStep(sharedModel, undo, () => sharedModel.deleteCell(index));
  }

  /** @param {Insert} change */
  insert({ after, cells, trusted, undo }) {
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
    asStep(sharedModel, undo, () => sharedModel.insertCells(index, fresh.map((cell) => bare(cell, trusted))));
    for (const cell of fresh) this.addOutputs(cell);
  }

  /** @param {CellNode} node */
  addOutputs(node) {
    const cell = this.find(node.id);
    if (!cell) return;
    if (cell.type === "code") for (const output of node.outputs ?? []) cell.outputs.add(output);
    this.note(cell);
  }

  /** Cells that were there already are ours if they are as we would have made them. @param {CellNode[]} nodes */
  claim(nodes) {
    for (const node of nodes) {
      const cell = this.find(node.id);
      if (!cell) continue;
      const isSame = cell.type === node.cell_type && cell.sharedModel.source === text(node.source);
      if (isSame && hasOutputs(cell, node.outputs ?? [])) this.note(cell);
      else this.detached.add(node.id);
    }
  }

  /** A cell that cannot be changed as it is asked for is not what the kernel takes it for: from here on it is left
   * alone. The other changes are not held up by it. @param {Edit} change */
  tryEdit(change) {
    try {
      this.edit(change);
    } catch {
      this.written.delete(change.id);
      this.detached.add(change.id);
    }
  }

  /** @param {Edit} change */
  edit(change) {
    const cell = this.find(change.id);
    if (!cell) return void this.gone.add(change.id);
    if (change.do === "metadata") return setMetadata(cell, change.metadata);
    if (!this.isOurs(cell)) return void this.detached.add(change.id);
    if (change.do === "source") setSource(cell, change);
    else if (cell.type === "code") editCode(cell, change);
    else throw new Error(`Cell ${cell.id} is not one of code.`);
    this.note(cell);
  }

  /** The kernel is shown cells of which this page, loaded anew, knows nothing: it judges whether they are as it wrote
   * them, and from here on they are watched. @param {string[]} ids */
  show(ids) {
    for (const id of ids) {
      const cell = this.written.has(id) ? undefined : this.find(id);
      if (cell) this.note(cell);
    }
  }

  /** Neither edited, converted nor run by the user since we wrote last. @param {CellModel} cell */
  isOurs(cell) {
    const written = this.written.get(cell.id);
    const now = state(cell);
    return (
      cell.sharedModel.executionState !== "running" &&
      written?.type === now.type && written.source === now.source &&
      written.outputs === now.outputs && written.count === now.count
    );
  }

  /** As far as this page knows. @param {CellModel} cell */
  isEdited(cell) {
    const written = this.written.get(cell.id);
    return !!written && written.source !== cell.sharedModel.source;
  }

  /** @param {CellModel} cell */
  note(cell) {
    this.written.set(cell.id, state(cell));
  }

  /** @param {string} id @returns {CellModel | undefined} */
  find(id) {
    const index = this.model.sharedModel.cells.findIndex((cell) => cell.id === id);
    return index < 0 ? undefined : this.model.cells.get(index);
  }
}

/** @param {CellModel} cell @returns {Written} */
function state(cell) {
  const { type, sharedModel: { source } } = cell;
  return cell.type === "code"
    ? { type, source, outputs: cell.outputs.length, count: cell.executionCount }
    : { type, source, outputs: 0, count: null };
}

/** The cell without its outputs. It is trusted, if at all, from the metadata: so it is the same after undo and redo.
 * @param {CellNode} cell @param {boolean} trusted @returns {CellNode} */
function bare(cell, trusted) {
  const { trusted: _, ...metadata } = cell.metadata ?? {};
  if (cell.cell_type !== "code") return { ...cell, metadata };
  return { ...cell, metadata: trusted ? { ...metadata, trusted } : metadata, outputs: [] };
}

/** @param {CellModel} cell @param {Record<string, any>} metadata */
function setMetadata(cell, metadata) {
  for (const [key, value] of Object.entries(metadata)) {
    if (key === "jupyter") hideOutputs(cell, value ?? {});
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

/** Before the source is hidden or shown: told of both at once, a cell that hides its source saves its outputs as shown.
 * @param {CellModel} cell @param {Record<string, any>} jupyter */
function hideOutputs(cell, { source_hidden: _, ...others }) {
  const source_hidden = cell.getMetadata("jupyter")?.source_hidden;
  cell.setMetadata("jupyter", source_hidden === undefined ? others : { ...others, source_hidden });
}

/** @param {CellModel} cell @param {Source} change */
function setSource(cell, { from, text }) {
  const shared = cell.sharedModel;
  const { length } = shared.source;
  if (from > length) throw new Error(`Cell ${cell.id} has only ${length} characters.`);
  shared.transact(() => shared.updateSource(from, length, text), false);
}

/** @param {CodeCellModel} cell @param {Outputs | Append | Count} change */
function editCode(cell, change) {
  if (change.do === "outputs") setOutputs(cell, change);
  else if (change.do === "append") append(cell, change);
  else if (change.do === "count") cell.executionCount = change.execution_count;
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
