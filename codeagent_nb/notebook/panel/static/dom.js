// @ts-check
// Elements, icons and small words. Knows nothing of entries, and nothing of the agent.

/** @typedef {Record<string, any>} Attributes */

/**
 * Make an element. `text` becomes its text, `on...` a listener, true an empty attribute; false and null are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

const RING = "M8 2.25a5.75 5.75 0 1 0 0 11.5a5.75 5.75 0 1 0 0-11.5z";

/** Drawn for this panel on a grid of 16, stroked. @type {Record<string, string>} */
const ICONS = {
  idle: RING,
  unset: "M8 2.6l6 10.6H2zM8 6.7v2.9M8 11.4h.01",
  setup: "M8 2.25a5.75 5.75 0 1 1-5.75 5.75",
  thinking: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  running: "M8 2.25a5.75 5.75 0 1 1-5.75 5.75",
  waiting: `${RING}M6.5 5.9v4.2M9.5 5.9v4.2`,
  done: `${RING}M5.4 8.2l1.8 1.8 3.5-3.8`,
  failed: `${RING}M6.1 6.1l3.8 3.8M9.9 6.1L6.1 9.9`,
  clock: `${RING}M8 4.9v3.3l2.1 1.3`,
  skipped: `${RING}M5.5 8h5`,
  info: `${RING}M8 7.5v3M8 5.3h.01`,
  warn: "M8 2.6l6 10.6H2zM8 6.7v2.9M8 11.4h.01",
  send: "M8 13V3.4M3.9 7.3L8 3.2l4.1 4.1",
  stop: "M4.75 4.75h6.5v6.5h-6.5z",
  closed: "M6 3.5L10.5 8 6 12.5",
  opened: "M3.5 6L8 10.5 12.5 6",
  down: "M8 3v9.6M3.9 8.7L8 12.8l4.1-4.1",
  copy: "M5.75 5.75h7.5v7.5h-7.5zM3.5 10.25h-.75v-7.5h7.5v.75",
  check: "M3 8.6l3.2 3.2L13 4.8",
  save: "M8 2.5v7.4M4.8 6.9L8 10.1l3.2-3.2M3 13.25h10",
  undo: "M3 6.5h7a3.25 3.25 0 0 1 0 6.5H6M5.75 3.75L3 6.5l2.75 2.75",
  redo: "M13 6.5H6a3.25 3.25 0 0 0 0 6.5h4M10.25 3.75L13 6.5l-2.75 2.75",
  again: "M3 7.2a5.2 5.2 0 0 1 9.2-2.5M12.6 2.2v2.9H9.7M13 8.8a5.2 5.2 0 0 1-9.2 2.5M3.4 13.8v-2.9h2.9",
  shield: "M8 2.2l5 1.7v3.6c0 3-2 5.1-5 6.3-3-1.2-5-3.3-5-6.3V3.9z",
};

/**
 * @param {string} name
 * @returns {SVGSVGElement}
 */
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `cagent-icon cagent-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/**
 * @param {{ class?: string, icon?: string, text: string, onclick: (event: MouseEvent) => void } & Attributes} options
 * @returns {HTMLButtonElement}
 */
function button({ class: name = "", icon: picture, text, ...attributes }) {
  const label = h("span", { class: "cagent-button-text", text });
  return h("button", { type: "button", class: `cagent-button ${name}`, ...attributes }, picture && icon(picture), label);
}

/** A copy button that says when it has copied. @param {() => string} text @returns {HTMLButtonElement} */
function copyButton(text) {
  const copy = button({ class: "cagent-quiet cagent-copy", icon: "copy", text: "Copy", onclick: () => void run() });
  async function run() {
    const done = await copyText(text());
    copy.replaceChildren(icon(done ? "check" : "warn"), h("span", { text: done ? "Copied" : "Not allowed" }));
    setTimeout(() => copy.replaceChildren(icon("copy"), h("span", { text: "Copy" })), 1600);
  }
  return copy;
}

/** @param {string} text @returns {Promise<boolean>} */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or the page is not served securely
  }
}

/** Grow a text field with its text; CSS sets the limits. @param {HTMLTextAreaElement} field */
function fitHeight(field) {
  field.style.height = "auto";
  if (field.scrollHeight) field.style.height = `${field.scrollHeight + 2}px`;
}

/** @param {number | null | undefined} seconds */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** How things may move. */
function scrolling() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
}
