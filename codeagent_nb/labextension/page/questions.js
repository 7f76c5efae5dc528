// @ts-check
// What is written into a cell for the agent. Knows nothing of JupyterLab.

/** @typedef {import("../types.js").Output} Output */

const LONGEST_TITLE = 300;
const LONGEST_TRACEBACK = 2000;

/** A cell in which the user's question has its place in the second line. @param {string} code @param {string} language
 * @param {string} names */
export function question(code, language, names) {
  return [first(names), "", "", "The cell:", "", fenced(code, language)].join("\n");
}

/** @param {string} code @param {Output} error @param {string} names */
export function errorTask(code, error, names) {
  const task = "Fix the error in this cell, and run it again.";
  const parts = ["The cell:", "", fenced(code, "python"), "", "The error:", "", fenced(describe(error), "text")];
  return [first(names), task, "", ...parts].join("\n");
}

/** @param {string} names */
function first(names) {
  return names ? `%%agent -i ${names}` : "%%agent";
}

/** In a fence that the text cannot close. @param {string} text @param {string} language */
function fenced(text, language) {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** @param {Output} error */
function describe({ ename, evalue, traceback }) {
  const title = `${ename}: ${evalue}`.slice(0, LONGEST_TITLE);
  const lines = (traceback ?? []).join("\n").replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
  return `${title}\n\n${lines.slice(-LONGEST_TRACEBACK)}`; // its end says most
}
