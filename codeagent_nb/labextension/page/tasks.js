// @ts-check
// The agent's tasks in one notebook, as this page remembers them: what each has written, and so may change.
// A task ends with its comm, with the kernel, or with the page; a page that is loaded again in the same tab goes on with it.

import { leaveTasks, recallCells, rememberCells, seeTasks, takeTasks } from "./memory.js";

/** @typedef {import("../types.js").CellModel} CellModel */
/** @typedef {import("../types.js").Comm} Comm */
/** What we wrote into a cell last.
 * @typedef {{ type: string, source: string, outputs: number, count: number | null }} Written */
/** `anchor`: the cell that the user ran; null for a task from the panel, which writes at the notebook's end.
 * `own`: the cells it wrote. `users`: those of them that are the user's by now. `places`: below these it may write.
 * `old`: cells of earlier runs of the anchor with the texts they were given; the task may remove these.
 * `reused`: such cells that it leaves where they are, for it would write the same.
 * `kept`: such cells that the user has changed or kept: their mark goes when the task begins to write.
 * `takenBack`: its variables are gone, as the kernel says.
 * @typedef {{ token: string, anchor: string | null, places: Set<string>, own: Map<string, Written>, users: Set<string>,
 *   reused: Set<string>, old: Map<string, string[]>, kept: Set<string>, size: number, takenBack: boolean,
 *   comm: Comm | undefined }} Task */

const MOST_TEXTS = 5;
const MOST_PAST = 100;
/** Characters of the tasks that have ended and are left for the next life of the page. */
const MOST_LEFT = 500_000;
const MOST_MADE = 2_000;
const LONGEST_TEXT = 20_000;

export class Tasks {
  /** @param {() => string} path of the notebook, which may be renamed */
  constructor(path) {
    this.path = path;
    /** The id of the notebook's kernel. @type {string | undefined} */
    this.kernel = undefined;
    /** @type {Set<Task>} */
    this.live = new Set();
    /** The newest last. @type {Task[]} */
    this.past = [];
    /** What has run well in the kernel as it is now: code by the id of its cell. @type {Map<string, string>} */
    this.ran = new Map();
    /** Tasks that ran when an earlier life of this page was left, whose cells the kernel is asked to show again.
     * @type {Map<string, any>} */
    this.stories = new Map();
    /** By anchor and id. @type {Map<string, Map<string, string[]>>} */
    this.made = new Map();
    for (const [anchor, id, sources] of recallCells(path())) this.madeBy(anchor).set(id, sources);
  }

  /** @param {string | null} anchor @returns {Task} */
  begin(anchor) {
    const old = anchor === null ? new Map() : new Map(this.madeBy(anchor));
    for (const task of this.live) for (const id of task.own.keys()) old.delete(id);
    const places = new Set(anchor === null ? [] : [anchor]);
    const none = { own: new Map(), users: new Set(), reused: new Set(), kept: new Set() };
    const more = { size: 0, takenBack: false, comm: undefined };
    return this.add({ token: randomToken(), anchor, places, old, ...none, ...more });
  }

  /** The task with this token, if it runs on. @param {string} token @returns {Task | undefined} */
  resume(token) {
    const running = [...this.live].find((task) => task.token === token);
    if (running) return running;
    const left = takeTasks(this.path());
    const found = left.find((one) => one?.token === token && one.kernel === this.kernel && !one.isOver);
    const others = left.filter((one) => one !== found);
    if (others.length) leaveTasks(this.path(), others);
    return found && this.add(thawed(found));
  }

  /** @param {Task} task */
  end(task) {
    if (!this.live.delete(task)) return;
    task.comm = undefined;
    if (task.anchor !== null) this.keep(task.anchor, task);
    this.past = [...this.past, task].slice(-MOST_PAST);
    this.remember();
  }

  endAll() {
    for (const task of this.live) this.end(task);
  }

  /** The kernel has ended, and with it what can be taken back, and what an earlier life of this page has left. */
  forgetLeft() {
    takeTasks(this.path());
    this.ran.clear();
    this.stories.clear();
    for (const task of this.past) task.token = "";
  }

  /** Remember the ended tasks of this kernel that an earlier life of this page has left. */
  recall() {
    const left = takeTasks(this.path());
    const over = left.filter((one) => one?.isOver && one.kernel === this.kernel);
    const others = left.filter((one) => one && !one.isOver);
    if (others.length) leaveTasks(this.path(), others);
    this.past = [...over.map(thawed), ...this.past].slice(-MOST_PAST);
  }

  /** The tasks of this kernel that ran when the page was left, by a cell that the user ran then.
   * @returns {{ token: string, anchor: string }[]} */
  leftRunning() {
    for (const one of seeTasks(this.path())) {
      const isStory = one && !one.isOver && one.kernel === this.kernel && typeof one.anchor === "string";
      if (isStory && typeof one.token === "string") this.stories.set(one.token, one);
    }
    return [...this.stories.values()];
  }

  /** @param {string} token */
  forgetStory(token) {
    this.stories.delete(token);
  }

  /** The task with this token, if it has ended and its kernel has not. @param {string | null} token */
  ended(token) {
    return token ? this.past.find((task) => task.token === token) : undefined;
  }

  /** The task whose cell this is, as it wrote it last; the user has neither edited nor run it since.
   * @param {CellModel} cell */
  writerOf(cell) {
    const { type, source, count } = stateOf(cell);
    const writers = [...this.past, ...this.live].filter(({ own, users }) => {
      const written = own.get(cell.id);
      return written?.type === type && written.source === source && count === null && !users.has(cell.id);
    });
    return writers.at(-1); // another run of a cell gives its cells the same ids
  }

  /** The page or the notebook is about to be closed, and perhaps comes again. */
  leave() {
    for (const task of this.live) if (task.anchor !== null) this.keep(task.anchor, task);
    this.remember();
    const live = [...this.live].map((task) => frozen(task, this.kernel, false));
    const over = this.past.filter(({ token }) => token).map((task) => frozen(task, this.kernel, true));
    while (JSON.stringify(over).length > MOST_LEFT) over.shift();
    const known = new Set([...over, ...live].map(({ token }) => token));
    const others = [...this.stories.values()].filter(({ token, kernel }) => kernel === this.kernel && !known.has(token));
    const all = [...over, ...live, ...others];
    if (all.length) leaveTasks(this.path(), all);
  }

  /** What the user runs is the user's. @param {string} cell */
  userRan(cell) {
    for (const task of this.live) if (task.own.delete(cell)) task.users.add(cell);
    for (const task of this.past) if (task.own.has(cell)) task.users.add(cell); // `isEdited` asks what was written
  }

  /** As far as this page knows. @param {CellModel} cell */
  isEdited(cell) {
    const last = [...this.past, ...this.live].filter(({ own }) => own.has(cell.id)).at(-1);
    const written = last?.own.get(cell.id);
    return !!written && written.source !== cell.sharedModel.source;
  }

  /** @param {Task} task */
  add(task) {
    this.live.add(task);
    return task;
  }

  /** What undo brings back has a text of an earlier run. @param {string} anchor @param {Task} task */
  keep(anchor, task) {
    const made = this.madeBy(anchor);
    for (const [id, { source }] of task.own) {
      const before = (made.get(id) ?? []).filter((text) => text !== source);
      made.delete(id); // to be the last
      if (source.length <= LONGEST_TEXT) made.set(id, [source, ...before].slice(0, MOST_TEXTS));
    }
    for (const id of task.users) if (!task.reused.has(id)) made.delete(id);
  }

  remember() {
    const all = [...this.made].flatMap(([anchor, made]) => [...made].map(([id, texts]) => [anchor, id, texts]));
    rememberCells(this.path(), /** @type {import("./memory.js").Made[]} */ (all.slice(-MOST_MADE)));
  }

  /** @param {string} anchor @returns {Map<string, string[]>} */
  madeBy(anchor) {
    const made = this.made.get(anchor) ?? new Map();
    this.made.set(anchor, made);
    return made;
  }
}

function randomToken() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What a cell is like now. @param {CellModel} cell @returns {Written} */
export function stateOf(cell) {
  const { type, sharedModel: { source } } = cell;
  return cell.type === "code"
    ? { type, source, outputs: cell.outputs.length, count: cell.executionCount }
    : { type, source, outputs: 0, count: null };
}

/** @param {Task} task @param {string | undefined} kernel @param {boolean} isOver */
function frozen({ token, anchor, places, own, users, reused, old, kept, size, takenBack }, kernel, isOver) {
  const lists = { places: [...places], own: [...own], users: [...users], reused: [...reused] };
  const sets = { ...lists, old: [...old], kept: [...kept] };
  return { kernel, token, anchor, size, takenBack, isOver, ...sets };
}

/** @param {any} left @returns {Task} */
function thawed({ token, anchor, places, own, users, reused, old, kept, size, takenBack }) {
  const sets = { places: new Set(places), users: new Set(users), reused: new Set(reused), kept: new Set(kept) };
  const more = { own: new Map(own), old: new Map(old), takenBack: takenBack === true };
  return { token, anchor, size, comm: undefined, ...sets, ...more };
}
