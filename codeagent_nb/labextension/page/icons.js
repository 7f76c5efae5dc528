// @ts-check
// Drawn on a grid of 16. The class gives them the colour of JupyterLab's own icons in each theme.

/** @param {string} path */
const drawn = (path) =>
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">' +
  `<path class="jp-icon3" fill="#616161" d="${path}"/></svg>`;

/** A spark, and a small one. */
const AGENT =
  "M6.6 2.4l1.35 3.9a1.6 1.6 0 0 0 1 1l3.9 1.35-3.9 1.35a1.6 1.6 0 0 0-1 1L6.6 14.9l-1.35-3.9a1.6 1.6 0 0 0-1-1" +
  "L.35 8.65l3.9-1.35a1.6 1.6 0 0 0 1-1zM12.6 1l.55 1.6a.7.7 0 0 0 .45.45l1.6.55-1.6.55a.7.7 0 0 0-.45.45" +
  "l-.55 1.6-.55-1.6a.7.7 0 0 0-.45-.45L10 3.6l1.6-.55a.7.7 0 0 0 .45-.45z";
const KEEP = "M6.2 13.1L1.9 8.8l1.2-1.2 3.1 3.1 6.7-6.7 1.2 1.2z";
const RUN = "M4 2.2v11.6L13.4 8z";
const REMOVE = "M3.7 2.5L8 6.8l4.3-4.3 1.2 1.2L9.2 8l4.3 4.3-1.2 1.2L8 9.2l-4.3 4.3-1.2-1.2L6.8 8 2.5 3.7z";

/** @param {import("../types.js").Lab} lab */
export function makeIcons({ LabIcon }) {
  const icon = (/** @type {string} */ name, /** @type {string} */ path) =>
    new LabIcon({ name: `codeagent-nb:${name}`, svgstr: drawn(path) });
  return {
    agent: icon("agent", AGENT),
    keep: icon("keep", KEEP),
    keepAndRun: icon("keep-and-run", RUN),
    remove: icon("remove", REMOVE),
  };
}
