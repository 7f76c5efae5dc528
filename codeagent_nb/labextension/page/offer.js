// @ts-check
// Beside the usual undo in one of the agent's cells: an offer to take back the whole task, with its variables.
//
// The kernel says whether this is the task that `%agent undo` would take back; else nothing is offered. It hears of the
// task by its token. What it says is shown as plain text, and only to the user who has asked.

import { ask } from "./asking.js";
import { tasksOf } from "./pages.js";

/** @typedef {import("../types.js").Cell} Cell */
/** @typedef {import("../types.js").Commands} Commands */
/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("../types.js").Lab} Lab */
/** @typedef {import("../types.js").Panel} Panel */
/** @typedef {import("../types.js").Tracker} Tracker */

const UNDO = "notebook:undo-cell-action";
/** A kernel at work answers later, when the user is elsewhere. */
const PATIENCE = 3_000;
/** To bring variables back takes milliseconds, and a kernel of some gigabytes a second. */
const LONG_PATIENCE = 60_000;
const SHOWN = 15_000;
/** JupyterLab shows 140 characters of a notification. */
const LONGEST = 70;
const LONGEST_WORDS = 300;

/** Make the offers; gives what follows the cells of a notebook for them.
 * @param {Commands} commands @param {Tracker} tracker @param {Lab} lab */
export function offerTakingBack(commands, tracker, lab) {
  const offers = new Offers(lab);
  commands.commandExecuted.connect((_, { id }) => {
    const panel = tracker.currentWidget;
    const token = id === UNDO && panel && tokenBefore(panel);
    if (token) void offers.make(panel, token);
  });
  return followCell;
}

/** The active cell, and the token of the task that wrote it.
 * @type {WeakMap<Panel, { cell: Cell | null, token: string | undefined }>} */
const active = new WeakMap();

/** Remember which cell is active, and whose it is. A cell that undo takes away is told of when it has gone, so that what
 * is remembered changes a moment later than the cell. @param {Panel} panel */
function followCell(panel) {
  const remember = () => {
    if (panel.isDisposed) return;
    const cell = panel.content.activeCell;
    active.set(panel, { cell, token: tokenOf(panel, cell) });
  };
  panel.content.activeCellChanged.connect(() => queueMicrotask(remember));
  remember();
}

/** Whose the cell was that was active before the undo. @param {Panel} panel */
function tokenBefore(panel) {
  const { cell = null, token } = active.get(panel) ?? {};
  return cell?.isDisposed ? token : tokenOf(panel, cell);
}

/** @param {Panel} panel @param {Cell | null} cell */
function tokenOf({ context }, cell) {
  return cell ? tasksOf(context)?.writerOf(cell.model)?.token : undefined;
}

class Offers {
  /** @param {Lab} lab */
  constructor({ Notification }) {
    this.notify = Notification;
    this.shown = "";
  }

  /** @param {Panel} panel @param {string} token */
  async make(panel, token) {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) return;
    const reply = await ask(kernel, { token, do: "look" }, PATIENCE);
    if (!reply?.ok || typeof reply.task !== "string") return;
    if (this.shown) this.notify.dismiss(this.shown);
    const label = "Take back";
    const caption = "Take the task back with its variables, as %agent undo does";
    const callback = () => void this.takeBack(kernel, token);
    const actions = [{ label, caption, callback }];
    const task = reply.task.slice(0, LONGEST);
    const question = `Take back the whole task, with its variables? “${task}”`;
    this.shown = this.notify.info(question, { autoClose: SHOWN, actions });
  }

  /** @param {Kernel} kernel @param {string} token */
  async takeBack(kernel, token) {
    const reply = await ask(kernel, { token, do: "take back" }, LONG_PATIENCE);
    const said = typeof reply?.said === "string" ? reply.said.slice(0, LONGEST_WORDS) : "The kernel does not answer.";
    if (reply?.ok) this.notify.success(said, { autoClose: SHOWN / 2 });
    else this.notify.error(said, { autoClose: SHOWN });
  }
}
