// @ts-check
// Outputs of which nothing acts, so that a cell that holds them may be trusted.
//
// The kernel cleans outputs, too (`rendering/`). But a page cannot tell the agent from other code in the same kernel, so
// it looks for itself: a kind of output, or HTML, that is not on these lists is left out, and so are a figure of Plotly
// that may load something, a formula with a command that leads elsewhere (`figures.js`), and a chart of Vega-Lite that
// loads or computes (`charts.js`). Of Markdown nothing passes. JSON passes as it is: front ends show it as a tree, or as
// a table.

import { isHarmlessChart } from "./charts.js";
import { isHarmlessFigure, isHarmlessMathematics } from "./figures.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("../types.js").Output} Output */

const PLOTLY = "application/vnd.plotly.v1+json";
const CHART = "application/vnd.vegalite.v5+json";
/** Front ends show these without obeying them; four of them only if they are harmless. */
const KINDS = new Set([
  ...["text/plain", "text/html", "text/latex", "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"],
  ...["application/json", "application/vnd.dataresource+json", PLOTLY, CHART],
]);
const TAGS = new Set(
  ("a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col colgroup data dd del " +
    "details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li map mark " +
    "nav ol p pre q rp rt rtc ruby s samp small span strike strong sub summary sup table tbody td tfoot th thead time " +
    "tr tt u ul var wbr").split(" "),
);
const ATTRIBUTES = new Set(
  ("style class title lang src alt width height href hreflang rel align char charoff span colspan rowspan headers " +
    "scope datetime start summary size dir color face value border open target").split(" "),
);
/** Any other could be Jupyter's own: `jp-Dialog` covers the whole page. */
const CLASSES = new Set(["dataframe", "mathjax_ignore", "tex2jax_ignore"]);
const STYLE = /^(?!.*(?:url|expression|position))[-\w .,%#()!:;]*$/is;
const SIDES = ["width", "height"];
const MOST_OUTPUTS_SIZE = 20_000_000;

/** Without the count of another kernel. @param {Record<string, any>} output @returns {Output} */
export function harmlessOutput({ output_type, name, text, ename, evalue, traceback, data, metadata }) {
  switch (output_type) {
    case "stream":
      if (name !== "stdout" && name !== "stderr") throw new Refusal("An unknown stream.");
      return { output_type, name, text: aText(text) };
    case "error":
      if (!Array.isArray(traceback)) throw new Refusal("A traceback is no list.");
      return { output_type, ename: aText(ename), evalue: aText(evalue), traceback: traceback.map(aText) };
    case "display_data":
      return { output_type, data: harmlessData(data), metadata: sizes(metadata) };
    case "execute_result":
      return { output_type, data: harmlessData(data), metadata: sizes(metadata), execution_count: null };
    default:
      throw new Refusal("An unknown kind of output.");
  }
}

/** @param {any} data */
function harmlessData(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) throw new Refusal("The data of an output are no object.");
  /** @type {Record<string, any>} */
  const shown = {};
  for (const [kind, content] of Object.entries(data)) {
    if (!KINDS.has(kind)) continue;
    if (kind === "text/html" && !isHarmlessHtml(aText(content))) continue;
    if (kind === "text/latex" && !isHarmlessMathematics(aText(content))) continue;
    if (kind === PLOTLY && !isHarmlessFigure(content)) continue;
    if (kind === CHART && !isHarmlessChart(content)) continue;
    shown[kind] = kind.startsWith("application/") ? content : aText(content);
  }
  return shown;
}

/** How large pictures are shown. @param {any} metadata */
function sizes(metadata) {
  /** @type {Record<string, Record<string, number>>} */
  const known = {};
  for (const [kind, given] of Object.entries(metadata ?? {})) {
    if (!kind.startsWith("image/") || !KINDS.has(kind)) continue;
    const sides = SIDES.filter((side) => given?.[side] > 0 && given[side] <= 10_000 && typeof given[side] === "number");
    if (sides.length) known[kind] = Object.fromEntries(sides.map((side) => [side, given[side]]));
  }
  return known;
}

/** A parsed document neither runs nor loads anything. @param {string} html */
function isHarmlessHtml(html) {
  const { head, body } = new DOMParser().parseFromString(html, "text/html");
  if (head.childNodes.length || body.attributes.length) return false;
  if (!isWithoutMathematics(body) && !isHarmlessMathematics(body.textContent ?? "")) return false;
  const nodes = document.createTreeWalker(body, NodeFilter.SHOW_ALL);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    if (node instanceof Text || node.nodeType === Node.TEXT_NODE) continue;
    if (node.nodeType !== Node.ELEMENT_NODE || !isHarmlessElement(/** @type {Element} */ (node))) return false;
  }
  return true;
}

/** Formulas are typeset but in what is marked; all that the kernel has cleaned stands in one such element.
 * @param {HTMLElement} body */
function isWithoutMathematics({ childNodes, firstElementChild }) {
  return childNodes.length === 1 && !!firstElementChild?.classList.contains("mathjax_ignore");
}

/** @param {Element} element */
function isHarmlessElement({ localName, namespaceURI, attributes }) {
  const isHtml = namespaceURI === "http://www.w3.org/1999/xhtml";
  return isHtml && TAGS.has(localName) && [...attributes].every((one) => isHarmlessAttribute(localName, one));
}

/** @param {string} tag @param {Attr} attribute */
function isHarmlessAttribute(tag, { name, value }) {
  if (!ATTRIBUTES.has(name)) return false;
  // Browsers leave out blanks and control characters at the beginning of an address.
  const address = value.replace(/[\x00-\x20]/g, "").toLowerCase();
  if (name === "class") return value.split(/\s+/).every((one) => !one || CLASSES.has(one));
  if (name === "target") return tag === "a" && value === "_blank";
  if (name === "style") return STYLE.test(value);
  if (name === "src") return tag === "img" && address.startsWith("data:image/");
  if (name === "href") return tag === "a" && /^(https?:|mailto:|[^:]*$)/.test(address);
  return true;
}

/** @param {unknown} value */
function aText(value) {
  const text = Array.isArray(value) ? value.join("") : value;
  if (typeof text !== "string") throw new Refusal("A part of an output is no text.");
  if (text.length > MOST_OUTPUTS_SIZE) throw new Refusal("A part of an output is too long.");
  return text;
}
