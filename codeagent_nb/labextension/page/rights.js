// @ts-check
// What a task may ask for: changes to the cells it wrote, and new ones below these. Pure; decided for a whole request
// before any of it is done.

import { Refusal } from "./refusal.js";

/** @typedef {import("./requests.js").Change} Change */
/** @typedef {import("./requests.js").Insert} Insert */
/** @typedef {import("./tasks.js").Task} Task */

const MOST_CELLS = 500;
const MOST_OUTPUTS = 10_000;
/** Characters of all requests of a task. */
const MOST = 200_000_000;

/** Refuse what a task may not ask for; else count what it asks for. @param {Task} task @param {Change[]} changes
 * @param {Set<string>} present ids of the notebook's cells */
export function admit(task, changes, present) {
  const size = task.size + JSON.stringify(changes).length;
  if (size > MOST) throw new Refusal("The task has sent too much.");
  const coming = new Set(task.own.keys());
  const going = new Set();
  for (const change of changes) {
    if (change.do === "insert") admitInsert(task, change, { present, coming, going });
    else {
      const isOld = task.old.has(change.id) && (change.do === "remove" || change.do === "reuse");
      const isIts = coming.has(change.id) || task.users.has(change.id) || isOld;
      if (!isIts && present.has(change.id)) throw new Refusal("A cell that is not of this task.");
      if (isOld && change.do === "remove") going.add(change.id);
      if (change.do === "reuse") coming.add(change.id);
      if (change.do === "outputs" && change.from + change.outputs.length > MOST_OUTPUTS) {
        throw new Refusal(`More than ${MOST_OUTPUTS} outputs in a cell.`);
      }
    }
  }
  task.size = size;
}

/** @param {Task} task @param {Insert} change
 * @param {{ present: Set<string>, coming: Set<string>, going: Set<string> }} ids */
function admitInsert(task, { after, cells }, { present, coming, going }) {
  if (!after.length && task.anchor !== null) throw new Refusal("A task writes below its cell.");
  for (const id of after) {
    const isPlace = task.places.has(id) || coming.has(id) || task.users.has(id);
    if (!isPlace && present.has(id)) throw new Refusal("A task writes below its own cells.");
  }
  for (const { id, outputs = [] } of cells) {
    if (present.has(id) && !coming.has(id) && !task.users.has(id) && !going.has(id)) {
      throw new Refusal("A cell that is not of this task has this id.");
    }
    if (outputs.length > MOST_OUTPUTS) throw new Refusal(`More than ${MOST_OUTPUTS} outputs in a cell.`);
    coming.add(id);
  }
  if (coming.size + task.users.size > MOST_CELLS) throw new Refusal(`More than ${MOST_CELLS} cells of one task.`);
}
