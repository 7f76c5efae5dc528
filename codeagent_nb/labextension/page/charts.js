// @ts-check
// Charts of Vega-Lite that load nothing and compute nothing: the rules of `rendering/cleaning/figures.py`, for a page
// cannot rely on what the kernel says it did.

import { isAddress } from "./figures.js";

/** Keys of a chart that load, or hold expressions: an expression may build what a text must not be. */
const REFUSED = new Set(
  ("url href transform expr signal test filter calculate labelExpr usermeta loader projection patch events on element " +
    "input signals update init clear translate zoom").split(" "),
);
/** Keys under which a chart has charts. */
const PARTS = ["layer", "hconcat", "vconcat", "concat", "spec"];
const VIEWS = ["mark", "facet", "repeat", ...PARTS];
const BINDS = ["scales", "legend"];
const WITHIN = /(?<!\w)(?:https?|ftp|wss?|file|blob|filesystem|javascript|vbscript|data(?!:image\/)):\S/i;
const MOST_DEPTH = 100;

/** @param {any} chart */
export function isHarmlessChart(chart) {
  if (!isObject(chart) || "$schema" in chart || !VIEWS.some((key) => key in chart)) return false;
  /** @type {any[]} */
  const rows = [];
  const view = withoutRows(chart, rows);
  if (isObject(view.datasets)) {
    rows.push(...Object.values(view.datasets));
    view.datasets = Object.keys(view.datasets);
  }
  return parts(view).every(isHarmlessPart) && rows.every(isHarmlessData);
}

/** @param {any} value */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * A chart without the rows of its data, which are added to `rows`: a column may be called as a key that computes.
 * @param {any} view @param {any[]} rows @returns {any}
 */
function withoutRows(view, rows, depth = 0) {
  if (!isObject(view) || depth > MOST_DEPTH) return view;
  const shown = { ...view };
  if (isObject(view.data) && "values" in view.data) {
    const { values, ...others } = view.data;
    shown.data = others;
    rows.push(values);
  }
  for (const key of PARTS) {
    if (key in view) shown[key] = [view[key]].flat().map((part) => withoutRows(part, rows, depth + 1));
  }
  return shown;
}

/** Everything in a value with its key, itself included; what is in a list has none. @param {any} value */
function parts(value) {
  /** @type {[string, any][]} */
  const found = [["", value]];
  for (const [, part] of found) {
    if (part === null || typeof part !== "object") continue;
    const isList = Array.isArray(part);
    for (const [key, inner] of Object.entries(part)) found.push([isList ? "" : key, inner]);
  }
  return found;
}

/** @param {[string, any]} part */
function isHarmlessPart([key, value]) {
  const isBound = key !== "bind" || BINDS.includes(value);
  const texts = typeof value === "string" ? [key, value] : [key];
  return isBound && !REFUSED.has(key) && !texts.some((text) => isAddress(text) || namesAnImage(text));
}

/** Whether rows load nothing; a text is refused unread, for its columns have their names in it. @param {any} rows */
function isHarmlessData(rows) {
  if (typeof rows === "string") return false;
  return parts(rows).every(([key, value]) => {
    if (isAddress(key) || (typeof value === "string" && isAddress(value)) || namesAnImage(key)) return false;
    return !["href", "url"].includes(key) || !parts(value).flat().some(holdsAddress);
  });
}

/** @param {any} value */
function holdsAddress(value) {
  return typeof value === "string" && (isAddress(value) || WITHIN.test(value));
}

/** A tooltip loads the address in a field of this name. @param {string} text */
function namesAnImage(text) {
  return text
    .toLowerCase()
    .split(/[.[\]]/)
    .some((part) => part.replace(/[^a-z]/g, "") === "image");
}
