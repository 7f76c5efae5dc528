// @ts-check
// Messages of the kernel: which window acts, that each message is acted upon once, and the answers.

import { CellWriter } from "./cells.js";
import { keepPlace } from "./place.js";

/** @typedef {import("../types.js").Comm} Comm */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("../types.js").Notebook} Notebook */
/** @typedef {import("../types.js").Tracker} Tracker */
/** @typedef {{ seq: number, to: string | null, op: string, anchor?: string | null,
 *   home?: string | null, changes?: import("./cells.js").Change[] }} Message */

const TARGET = "codeagent_cells";
const PROTOCOL = 1;

/** What a document remembers of its cells; its panels share it. @type {WeakMap<Context, CellWriter>} */
const writers = new WeakMap();

/**
 * Listen to the kernel of a notebook, and to each that it gets later.
 * @param {Tracker} tracker
 * @param {Context} context
 */
export function listen(tracker, context) {
  const register = (/** @type {Kernel | null | undefined} */ kernel) =>
    kernel?.registerCommTarget(TARGET, (comm) => void (comm.onMsg = answerer(tracker, context, kernel, comm)));
  register(context.sessionContext.session?.kernel);
  context.sessionContext.kernelChanged.connect((_, { newValue }) => register(newValue));
}

/**
 * A message that comes again, because its answer was lost, gets the same answer and is not acted upon again.
 * @param {Tracker} tracker @param {Context} context @param {Kernel} kernel @param {Comm} comm
 * @returns {(message: { content: { data: Message } }) => void}
 */
function answerer(tracker, context, kernel, comm) {
  /** @type {Record<string, any> | undefined} */
  let last;
  return ({ content: { data: message } }) => {
    if (message.to !== null && message.to !== kernel.clientId) return; // for another window
    if (last?.re !== message.seq) {
      const notebook = openNotebook(tracker, context);
      const answer = notebook && act(notebook, context, message);
      if (!answer) return;
      last = { re: message.seq, client: kernel.clientId, ...answer };
    }
    comm.send(last);
  };
}

/** A document can be open in more than one panel, and the first of them may be closed by now.
 * @param {Tracker} tracker @param {Context} context @returns {Notebook | undefined} */
function openNotebook(tracker, context) {
  return context.isReady ? tracker.find((panel) => panel.context === context)?.content : undefined;
}

/** @param {Notebook} notebook @param {Context} context @param {Message} message */
function act(notebook, context, message) {
  try {
    if (message.op === "hello") return hello(notebook, context, message);
    if (message.op === "apply") return apply(notebook, context, message);
    throw new Error(`Unknown operation ${message.op}`);
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}

/** @param {Notebook} notebook @param {Context} context @param {Message} message */
function hello(notebook, context, { to, anchor, home }) {
  const cells = notebook.model.sharedModel.cells;
  const ids = cells.map((cell) => cell.id);
  const isThere = [anchor, home].every((id) => !id || ids.includes(id));
  if (to === null && !isThere) return undefined; // another notebook on the same kernel
  const ours = cells
    .map((cell) => ({
      id: cell.id,
      source: cell.source,
      codeagent: cell.getMetadata("codeagent"),
      execution_count: cell.execution_count ?? null,
    }))
    .filter((cell) => cell.codeagent !== undefined);
  writerOf(context).show(ours.map(({ id }) => id));
  return { ok: true, protocol: PROTOCOL, read_only: context.model.readOnly, ids, cells: ours };
}

/** @param {Notebook} notebook @param {Context} context @param {Message} message */
function apply(notebook, context, { changes = [] }) {
  if (context.model.readOnly) throw new Error("The notebook is read-only.");
  return { ok: true, ...keepPlace(notebook, () => writerOf(context).apply(changes)) };
}

/** @param {Context} context */
export function writerOf(context) {
  const writer = writers.get(context) ?? new CellWriter(context.model);
  writers.set(context, writer);
  return writer;
}
