// @ts-check
// What stands under a task's cell once the page was loaded again in mid-run. Jupyter shows nothing more of a cell that an
// earlier life of the page has run, so the kernel is asked for all of it, again and again until the task is over.
//
// It is asked by the token of the task, which this tab remembers, and what comes is shown in the cell that the user ran
// then, as harmless as all of the agent's outputs. Once the user runs that cell, it is Jupyter's again.

import { ask } from "./asking.js";
import { findCell } from "./cells.js";
import { harmlessOutput } from "./harmless.js";

/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").Context} Context */
/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("./tasks.js").Tasks} Tasks */

const BETWEEN = 700;
const PATIENCE = 5_000;
/** The kernel may be about to be restarted, or be busy with a cell of the user's. */
const MOST_UNANSWERED = 20;
const MOST_OUTPUTS = 5_000;
const WIDGET = "application/vnd.jupyter.widget-view+json";
/** In the place of what is no longer shown: only the last of a cell's outputs can be taken away, see cells.js. */
const NOTHING = { output_type: "display_data", data: {}, metadata: {} };

/** Follow the tasks that ran when the page was left. @param {Context} context @param {Kernel} kernel @param {Tasks} tasks */
export function followStories(context, kernel, tasks) {
  for (const { token, anchor } of tasks.leftRunning()) void follow(context, kernel, tasks, token, anchor);
}

/** @param {Context} context @param {Kernel} kernel @param {Tasks} tasks @param {string} token @param {string} anchor */
async function follow(context, kernel, tasks, token, anchor) {
  const began = countOf(findCell(context.model, anchor));
  let known = "";
  for (let unanswered = 0; unanswered < MOST_UNANSWERED; ) {
    const reply = await ask(kernel, { token, do: "story", known }, PATIENCE);
    if (context.isDisposed || tasks.kernel !== kernel.id) return;
    const cell = findCell(context.model, anchor);
    if (!cell || isUsers(cell, began)) return;
    if (reply?.ok === false) return tasks.forgetStory(token);
    unanswered = reply ? 0 : unanswered + 1;
    if (Array.isArray(reply?.outputs)) show(cell, reply.outputs.slice(0, MOST_OUTPUTS), reply.over === true);
    if (typeof reply?.known === "string") known = reply.known;
    if (reply?.over === true) return tasks.forgetStory(token);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
  }
}

/** Widgets, the buttons that answer the agent say, have come back by themselves, and stay as long as the task runs.
 * @param {CellModel} cell @param {any[]} outputs @param {boolean} isOver */
function show(cell, outputs, isOver) {
  if (cell.type !== "code") return;
  const shown = outputs.map((output) => harmlessOutput(output ?? {}));
  if (isOver) return cell.outputs.fromJSON(shown);
  const there = cell.outputs.toJSON();
  const places = [...there.keys()].filter((place) => !(WIDGET in (there[place].data ?? {})));
  shown.forEach((output, at) => {
    if (at >= places.length) cell.outputs.add(output);
    else if (JSON.stringify(there[places[at]]) !== JSON.stringify(output)) cell.outputs.set(places[at], output);
  });
  for (const place of places.slice(shown.length)) cell.outputs.set(place, NOTHING);
}

/** @param {CellModel | undefined} cell */
function countOf(cell) {
  return cell?.type === "code" ? cell.executionCount : null;
}

/** Run by the user since. @param {CellModel} cell @param {number | null} began */
function isUsers(cell, began) {
  return cell.sharedModel.executionState === "running" || countOf(cell) !== began;
}
