// @ts-check
// What a page remembers longer than it is loaded: in its tab the tasks that still run, in its browser the cells it wrote.
// Never asked of the notebook itself, whose file and metadata anyone can write.

/** Cells by the cell whose task made them: its id, the id of each cell, the texts that were written into it.
 * @typedef {[anchor: string, id: string, sources: string[]]} Made */

const TASKS = "codeagent-nb:tasks";
const CELLS = "codeagent-nb:cells";
const LONGEST = 2_000_000;
const MOST_NOTEBOOKS = 30;

/** Whether something happens for the first time in this browser. @param {string} what */
export function isFirst(what) {
  const key = `codeagent-nb:${what}`;
  try {
    const isNew = window.localStorage.getItem(key) === null;
    window.localStorage.setItem(key, "yes");
    return isNew;
  } catch {
    return true;
  }
}

/** What `takeTasks` would take. @param {string} path @returns {any[]} */
export function seeTasks(path) {
  return split(read("sessionStorage", TASKS), path)[0];
}

/** Take the tasks of a notebook that another life of this tab has left. @param {string} path @returns {any[]} */
export function takeTasks(path) {
  const [found, others] = split(read("sessionStorage", TASKS), path);
  write("sessionStorage", TASKS, others);
  return found;
}

/** @param {string} path @param {object[]} tasks */
export function leaveTasks(path, tasks) {
  const [, others] = split(read("sessionStorage", TASKS), path);
  write("sessionStorage", TASKS, tasks.length ? [...others, [path, tasks]] : others);
}

/** @param {string} path @returns {Made[]} */
export function recallCells(path) {
  const [found] = split(read("localStorage", CELLS), path);
  return found.filter(
    (made) =>
      Array.isArray(made) && typeof made[0] === "string" && typeof made[1] === "string" && Array.isArray(made[2]),
  );
}

/** @param {string} path @param {Made[]} made */
export function rememberCells(path, made) {
  const [, others] = split(read("localStorage", CELLS), path);
  const all = /** @type {[string, any[]][]} */ (made.length ? [...others, [path, made]] : others);
  write("localStorage", CELLS, all.slice(-MOST_NOTEBOOKS));
}

/** @param {[string, any[]][]} all @param {string} path @returns {[any[], [string, any[]][]]} */
function split(all, path) {
  const found = all.filter(([name]) => name === path).flatMap(([, items]) => items);
  return [found, all.filter(([name]) => name !== path)];
}

/** Storage may be off, or hold anything. @param {"sessionStorage" | "localStorage"} storage @param {string} key
 * @returns {[string, any[]][]} */
function read(storage, key) {
  try {
    const all = JSON.parse(window[storage].getItem(key) ?? "[]");
    return all.filter((/** @type {any} */ one) => typeof one?.[0] === "string" && Array.isArray(one[1]));
  } catch {
    return [];
  }
}

/** The oldest go where it is too much. @param {"sessionStorage" | "localStorage"} storage @param {string} key
 * @param {[string, any[]][]} all */
function write(storage, key, all) {
  let rest = all;
  let text = JSON.stringify(rest);
  while (rest.length && text.length > LONGEST) {
    rest = rest.slice(1);
    text = JSON.stringify(rest);
  }
  try {
    window[storage].setItem(key, text);
  } catch {
    // Full or off: then a page that is loaded again does not know these cells, and leaves them alone.
  }
}
