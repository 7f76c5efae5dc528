// @ts-check
// Figures of Plotly that load nothing, and formulas without commands that lead elsewhere: the rules of
// `rendering/cleaning/figures.py`, `addresses.py` and `mathematics.py`, for a page cannot rely on what the kernel says it did.

const PARTS = new Set(["data", "layout", "frames"]);
/** These load outlines or tiles, without an address in the figure. */
const MAP = /^(?:(?:scatter|choropleth|density)(?:geo|mapbox|map)|choropleth)$/i;
const ADDRESS = /^(?:\.{0,2}\/|(?:https?|ftp|wss?|file|blob|filesystem|data(?!:image\/)):)/i;
const PICTURE = /^data:image\//i;
const COMMANDS = /\\(?:href|url|require|class|cssId|style|includegraphics|mmlToken|csname|data|bbox)/;
/** Base64 may begin with a slash, or have two in a row. */
const NUMBERS = /^[A-Za-z0-9+/]*={0,2}$/;
const NUMBERS_KEYS = new Set(["dtype", "bdata", "shape"]);
const MOST_DEPTH = 100;

/** @param {any} figure */
export function isHarmlessFigure(figure) {
  const isObject = figure !== null && typeof figure === "object" && !Array.isArray(figure);
  return isObject && Object.keys(figure).every((part) => PARTS.has(part)) && isHarmlessPart(figure, 0);
}

/** @param {string} text */
export function isHarmlessMathematics(text) {
  return !COMMANDS.test(text);
}

/** @param {any} value @param {number} depth @returns {boolean} */
function isHarmlessPart(value, depth) {
  if (typeof value === "string") return isHarmlessText(value);
  if (value === null || typeof value !== "object") return true;
  if (depth > MOST_DEPTH) return false;
  if (Array.isArray(value)) return value.every((part) => isHarmlessPart(part, depth + 1));
  const hasNumbers = isNumbers(value);
  return Object.entries(value).every(([key, part]) => {
    if (key === "bdata" && hasNumbers) return true;
    return isHarmlessText(key) && !isPictureElsewhere(key, part) && isHarmlessPart(part, depth + 1);
  });
}

/** @param {Record<string, any>} value */
function isNumbers(value) {
  const isKnown = Object.keys(value).every((key) => NUMBERS_KEYS.has(key));
  return isKnown && typeof value.bdata === "string" && NUMBERS.test(value.bdata);
}

/** @param {string} key @param {unknown} value */
function isPictureElsewhere(key, value) {
  return /(?:^|\.)source$/.test(key) && typeof value === "string" && !value.startsWith("data:image/");
}

/** @param {string} text */
function isHarmlessText(text) {
  return !isAddress(text) && !MAP.test(text) && isHarmlessMathematics(text);
}

/** Whether a text may lead elsewhere; an embedded picture does not. @param {string} text */
export function isAddress(text) {
  // Browsers leave out blanks and control characters within an address, or at its beginning.
  const flat = text.replace(/[\x00-\x20]/g, "").replaceAll("\\", "/");
  return ADDRESS.test(flat) || (flat.includes("//") && !PICTURE.test(flat));
}
