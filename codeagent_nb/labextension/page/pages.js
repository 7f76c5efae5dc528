// @ts-check
// Messages of the kernel: which window acts, for which task, that each message is acted upon once, and the answers.
//
// Any code in the kernel can send them. So a task begins only with a cell that the user runs in this page, or with a task
// that the user sends from the panel; and whatever a message holds, it gets an answer and is no error of Jupyter's.

import { Asked } from "./asked.js";
import { PROTOCOL, TARGET } from "./asking.js";
import { CellWriter } from "./cells.js";
import { keepPlace } from "./place.js";
import { Refusal } from "./refusal.js";
import { checkedChanges, checkedRequest } from "./requests.js";
import { admit } from "./rights.js";
import { followStories } from "./story.js";
import { Tasks } from "./tasks.js";
import { settleAll, turn } from "./turned.js";
import { widgetsOf } from "./widgets.js";

/** @typedef {import("../types.js").Comm} Comm */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("../types.js").KernelMessage} KernelMessage */
/** @typedef {import("../types.js").Notebook} Notebook */
/** @typedef {import("../types.js").NotebookModel} NotebookModel */
/** @typedef {import("../types.js").Tracker} Tracker */
/** @typedef {import("./requests.js").Request} Request */
/** @typedef {import("./tasks.js").Task} Task */
/** `parent`: the message that the kernel answers by opening the comm, as it says itself.
 * @typedef {{ tracker: Tracker, context: Context, kernel: Kernel, comm: Comm, parent: unknown, protocol: unknown }} Line */

const LONGEST_ERROR = 300;
const ENDS = ["restarting", "autorestarting", "terminating", "dead"];

/** What a document remembers; its panels share it. @type {WeakMap<Context, { asked: Asked, tasks: Tasks }>} */
const documents = new WeakMap();

/**
 * Listen to the kernel of a notebook, and to each that it gets later.
 * @param {Tracker} tracker
 * @param {Context} context
 */
export function listen(tracker, context) {
  if (documents.has(context)) return;
  const tasks = new Tasks(() => context.path);
  const ran = (/** @type {string} */ cell, /** @type {string} */ code) => void tasks.ran.set(cell, code);
  const asked = new Asked({ runs: (cell) => tasks.userRan(cell), ran });
  documents.set(context, { asked, tasks });
  const register = (/** @type {Kernel | null | undefined} */ kernel) => {
    asked.forget();
    tasks.endAll();
    if (!kernel) return;
    if (tasks.kernel !== kernel.id) tasks.ran.clear();
    tasks.kernel = kernel.id;
    tasks.recall();
    if (context.isReady) settleAll(context.model.cells, tasks); // else they are settled when they are first marked
    void context.ready.then(() => followStories(context, kernel, tasks));
    asked.hear(kernel);
    kernel.registerCommTarget(TARGET, (comm, { parent_header, content }) =>
      answer({ tracker, context, kernel, comm, parent: parent_header?.msg_id, protocol: content?.data?.protocol }),
    );
  };
  register(context.sessionContext.session?.kernel);
  context.sessionContext.kernelChanged.connect((_, { newValue }) => register(newValue));
  context.sessionContext.statusChanged.connect((_, status) => {
    if (!ENDS.includes(status)) return;
    asked.forget();
    tasks.endAll();
    tasks.forgetLeft();
  });
  const leave = () => tasks.leave();
  window.addEventListener("pagehide", leave);
  context.disposed.connect(() => {
    leave();
    window.removeEventListener("pagehide", leave);
  });
}

/** @param {Context} context */
export function tasksOf(context) {
  return documents.get(context)?.tasks;
}

/**
 * A message that comes again, because its answer was lost, gets the same answer and is not acted upon again.
 * @param {Line} line
 */
function answer(line) {
  const { comm, kernel, context } = line;
  /** @type {Record<string, any> | undefined} */
  let last;
  comm.onMsg = ({ content }) => {
    const message = content?.data;
    if (typeof message?.to === "string" && message.to !== kernel.clientId) return; // for another window
    if (last === undefined || last.re !== message?.seq) {
      const said = act(line, message);
      if (!said) return;
      last = { re: Number.isSafeInteger(message?.seq) ? message.seq : null, client: kernel.clientId, ...said };
    }
    send(comm, last);
  };
  comm.onClose = ({ content }) => {
    const tasks = tasksOf(context);
    const task = tasks && taskOf(tasks, comm);
    // The kernel goes on over another comm where it lost sight of this page.
    if (task && content?.data?.goes_on !== true) tasks.end(task);
  };
}

/** @param {Comm} comm @param {Record<string, any>} message */
function send(comm, message) {
  try {
    comm.send(message);
  } catch {
    // Closed meanwhile: nobody waits for the answer.
  }
}

/** @param {Line} line @param {unknown} message @returns {Record<string, any> | undefined} */
function act(line, message) {
  try {
    const request = checkedRequest(message);
    const { tracker, context } = line;
    const notebook = openNotebook(tracker, context);
    if (!notebook) return undefined;
    if (request.op === "turn") return turned(line, request, notebook);
    if (request.op === "hello") return hello(line, request, notebook);
    return request.op === "read" ? read(line, request, notebook) : apply(line, request, notebook);
  } catch (error) {
    const words = error instanceof Refusal ? error.message : String(error);
    return { ok: false, protocol: PROTOCOL, error: words.slice(0, LONGEST_ERROR) };
  }
}

/** A document can be open in more than one panel, and the first of them may be closed by now.
 * @param {Tracker} tracker @param {Context} context @returns {Notebook | undefined} */
function openNotebook(tracker, context) {
  return context.isReady ? tracker.find((panel) => panel.context === context)?.content : undefined;
}

/** @param {Line} line @param {Request} request @param {Notebook} notebook */
function hello(line, request, { model }) {
  const ids = model.sharedModel.cells.map((cell) => cell.id);
  const isThere = [request.anchor, request.home].every((id) => id === null || ids.includes(id));
  if (request.to === null && !isThere) return undefined; // another notebook on the same kernel
  if (line.protocol !== PROTOCOL) throw new Refusal(`The page speaks version ${PROTOCOL} of the protocol.`);
  const about = { ok: true, protocol: PROTOCOL, read_only: line.context.model.readOnly, ids };
  if (about.read_only && request.token === null) return { ...about, cells: [], theirs: [], marked: [], token: "" };
  const task = findTask(line, request, model);
  if (!task && request.to === null) return undefined; // another window may have it
  if (!task) throw new Refusal("this page has not been asked for it: a task begins with a cell that is run here");
  task.comm = line.comm;
  return { ...about, token: task.token, ...new CellWriter(model, task).survey() };
}

/** The task that goes on, or a new one where the user has asked for one.
 * @param {Line} line @param {Request} request @param {NotebookModel} model @returns {Task | undefined} */
function findTask({ context, comm, parent }, { anchor, token }, model) {
  const known = documents.get(context);
  if (!known) return undefined;
  const { asked, tasks } = known;
  const running = taskOf(tasks, comm) ?? (token === null ? undefined : resumed(tasks, token, model));
  if (running) return running;
  if (token !== null) return undefined; // it has ended
  if (anchor !== null) {
    if (asked.cellOf(parent) !== anchor) return undefined;
    asked.takeCell(parent);
    return tasks.begin(anchor);
  }
  const widget = asked.takePanelTask();
  return widget !== undefined && isShown(model, widget) ? tasks.begin(null) : undefined;
}

/** @param {Tasks} tasks @param {string} token @param {NotebookModel} model */
function resumed(tasks, token, model) {
  const isKnown = [...tasks.live].some((task) => task.token === token);
  const task = tasks.resume(token);
  if (task && !isKnown) new CellWriter(model, task).meetAgain();
  return task;
}

/** @param {NotebookModel} model @param {string} widget */
function isShown({ cells }, widget) {
  return Array.from({ length: cells.length }, (_, index) => cells.get(index)).some((cell) =>
    widgetsOf(cell).includes(widget),
  );
}

/** @param {Line} line @param {Request} request @param {Notebook} notebook */
function apply(line, { to, changes }, notebook) {
  const task = writing(line, to);
  const checked = checkedChanges(changes ?? []);
  const { model } = notebook;
  admit(task, checked, new Set(model.sharedModel.cells.map((cell) => cell.id)));
  return { ok: true, ...keepPlace(notebook, () => new CellWriter(model, task).apply(checked)) };
}

/** The user is asked about the code in these cells. @param {Line} line @param {Request} request @param {Notebook} notebook */
function read(line, { to, ids }, { model }) {
  return { ok: true, sources: new CellWriter(model, writing(line, to)).read(ids) };
}

/** The task that may write over this comm. @param {Line} line @param {string | null} to */
function writing({ context, comm }, to) {
  const tasks = tasksOf(context);
  const task = tasks && taskOf(tasks, comm);
  if (!task || to === null) throw new Refusal("No task of this page is running over this comm.");
  if (context.model.readOnly) throw new Refusal("The notebook is read-only.");
  return task;
}

/** The task was taken back, or again: of its cells, those that are not the user's say so.
 * @param {Line} line @param {Request} request @param {Notebook} notebook */
function turned({ context }, { to, token, takenBack }, { model }) {
  const tasks = tasksOf(context);
  const task = tasks?.ended(token);
  if (!tasks || !task) {
    if (to === null) return undefined; // another window may have it
    throw new Refusal("No ended task of this page has this token.");
  }
  if (context.model.readOnly) throw new Refusal("The notebook is read-only.");
  return { ok: true, marked: turn(task, takenBack, model, tasks) };
}

/** @param {Tasks} tasks @param {Comm} comm */
function taskOf(tasks, comm) {
  return [...tasks.live].find((task) => task.comm === comm);
}
