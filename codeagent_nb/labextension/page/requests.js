// @ts-check
// The shape of requests: whatever code in a kernel sends, what comes out of here is of the types below, and bounded.
// Knows neither the notebook nor whose a cell is.

import { Refusal } from "./refusal.js";
import { harmlessOutput } from "./harmless.js";

/** @typedef {import("../types.js").CellNode} CellNode */
/** @typedef {import("../types.js").Output} Output */
/** @typedef {{ do: "remove", id: string, source: string, undo: string }} Remove */
/** @typedef {{ do: "insert", after: string[], cells: CellNode[], undo: string }} Insert */
/** @typedef {{ do: "source", id: string, from: number, text: string }} Source */
/** @typedef {{ do: "outputs", id: string, from: number, outputs: Output[] }} Outputs */
/** @typedef {{ do: "append", id: string, index: number, text: string }} Append */
/** `source`: what the cell has to have. @typedef {{ do: "reuse", id: string, source: string }} Reuse */
/** @typedef {{ do: "metadata", id: string, metadata: Record<string, any> }} Metadata */
/** @typedef {Source | Outputs | Append | Metadata} Edit */
/** @typedef {Remove | Insert | Reuse | Edit} Change */
/** @typedef {{ seq: number, to: string | null, op: "hello" | "apply" | "read" | "turn",
 *   anchor: string | null, home: string | null, token: string | null, changes: unknown, ids: string[],
 *   takenBack: boolean }} Request */

/** In one message. */
const MOST_CHANGES = 5_000;
const MOST_NEIGHBOURS = 100;
const LONGEST_SOURCE = 2_000_000;
const LONGEST_WORD = 200;

/** As nbformat has ids; and none that is a name of JavaScript's own. */
const ID = /^(?!__)[A-Za-z0-9_-]{1,64}$/;
const COMMON = ["cell", "step", "kind", "attempt", "status", "name", "sha256", "done"];
/** What lets Jupyter run on after a cell. Other tags hide cells from readers, or choose what other programs run. */
const TAGS = ["raises-exception"];

/** @param {any} message @returns {Request} */
export function checkedRequest(message) {
  const { seq, to, op, anchor, home, token, changes, ids, taken_back } = anObject(message, "The request");
  if (op !== "hello" && op !== "apply" && op !== "read" && op !== "turn") throw new Refusal("Unknown operation.");
  return {
    seq: aNumber(seq, "seq"),
    to: to === null ? null : aWord(to, "to"),
    op,
    anchor: anchor === null || anchor === undefined ? null : anId(anchor),
    home: home === null || home === undefined ? null : anId(home),
    token: token === null || token === undefined ? null : aWord(token, "token"),
    changes,
    ids: aList(ids ?? [], MOST_NEIGHBOURS, "ids").map(anId),
    takenBack: taken_back === true,
  };
}

/** @param {unknown} changes @returns {Change[]} */
export function checkedChanges(changes) {
  return aList(changes, MOST_CHANGES, "changes").map((change) => checkedChange(anObject(change, "A change")));
}

/** @param {any} change @returns {Change} */
function checkedChange(change) {
  const { undo } = change;
  if (change.do === "insert") {
    const after = aList(change.after, MOST_NEIGHBOURS, "after").map(anId);
    const cells = aList(change.cells, MOST_CHANGES, "cells").map(checkedCell);
    return { do: "insert", after, cells, undo: aWord(undo, "undo") };
  }
  const id = anId(change.id);
  switch (change.do) {
    case "remove":
      return { do: "remove", id, source: aText(change.source, "source"), undo: aWord(undo, "undo") };
    case "source":
      return { do: "source", id, from: aNumber(change.from, "from"), text: aText(change.text, "text") };
    case "outputs":
      return { do: "outputs", id, from: aNumber(change.from, "from"), outputs: checkedOutputs(change.outputs) };
    case "append":
      return { do: "append", id, index: aNumber(change.index, "index"), text: aText(change.text, "text") };
    case "reuse":
      return { do: "reuse", id, source: aText(change.source, "source") };
    case "metadata":
      return { do: "metadata", id, metadata: checkedMetadata(change.metadata) };
    default:
      throw new Refusal("Unknown change.");
  }
}

/** It has no execution count: that is for the notebook's own kernel to give. @param {any} node @returns {CellNode} */
function checkedCell(node) {
  const { id, cell_type, source, metadata, outputs } = anObject(node, "A cell");
  const cell = { id: anId(id), source: aText(source, "source"), metadata: checkedMetadata(metadata ?? {}) };
  if (cell_type === "markdown") return { ...cell, cell_type };
  if (cell_type !== "code") throw new Refusal("A cell is one of code or Markdown.");
  return { ...cell, cell_type, outputs: checkedOutputs(outputs ?? []), execution_count: null };
}

/** Nothing that hides a cell, freezes it or has it trusted. @param {any} metadata @returns {Record<string, any>} */
function checkedMetadata(metadata) {
  /** @type {Record<string, any>} */
  const checked = {};
  for (const [key, value] of Object.entries(anObject(metadata, "metadata"))) {
    if (key === "codeagent") checked.codeagent = checkedMark(value);
    else if (key === "tags") checked.tags = value === null ? null : aList(value, TAGS.length, "tags").map(aTag);
    else throw new Refusal("Of metadata only `codeagent` and `tags` are set.");
  }
  return checked;
}

/** That a cell is kept, or has run here, is for the user to say. @param {any} mark @returns {Record<string, any>} */
function checkedMark(mark) {
  /** @type {Record<string, any>} */
  const checked = {};
  for (const [key, value] of Object.entries(anObject(mark, "codeagent"))) {
    if (!COMMON.includes(key)) throw new Refusal("An unknown key in `codeagent`.");
    const isSimple = value === null || typeof value === "boolean" || Number.isFinite(value);
    checked[key] = isSimple ? value : aWord(value, "codeagent");
  }
  return checked;
}

/** @param {unknown} tag */
function aTag(tag) {
  if (typeof tag !== "string" || !TAGS.includes(tag)) throw new Refusal("A tag that the agent does not use.");
  return tag;
}

/** @param {unknown} outputs */
function checkedOutputs(outputs) {
  return aList(outputs, MOST_CHANGES, "outputs").map((output) => harmlessOutput(anObject(output, "An output")));
}

/** @param {unknown} value @param {string} name @returns {Record<string, any>} */
function anObject(value, name) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Refusal(`${name} is no object.`);
  return value;
}

/** @param {unknown} value @param {number} most @param {string} name @returns {unknown[]} */
function aList(value, most, name) {
  if (!Array.isArray(value)) throw new Refusal(`\`${name}\` is no list.`);
  if (value.length > most) throw new Refusal(`\`${name}\` is longer than ${most}.`);
  return value;
}

/** @param {unknown} value */
function anId(value) {
  if (typeof value !== "string" || !ID.test(value)) throw new Refusal("An id that is no id of a cell.");
  return value;
}

/** @param {unknown} value @param {string} name */
function aText(value, name) {
  if (typeof value !== "string") throw new Refusal(`\`${name}\` is no text.`);
  if (value.length > LONGEST_SOURCE) throw new Refusal(`\`${name}\` is longer than ${LONGEST_SOURCE}.`);
  return value;
}

/** @param {unknown} value @param {string} name */
function aWord(value, name) {
  if (typeof value !== "string" || value.length > LONGEST_WORD) throw new Refusal(`\`${name}\` is no short text.`);
  return value;
}

/** @param {unknown} value @param {string} name */
function aNumber(value, name) {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new Refusal(`\`${name}\` is no number from 0.`);
  }
  return value;
}
