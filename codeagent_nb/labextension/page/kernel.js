// @ts-check
// Questions to the notebook's kernel, beside its cells.

/** @typedef {import("../types.js").Kernel} Kernel */

/** A kernel that is at work answers when it is done; nobody waits longer than this for it. */
const PATIENCE = 5000;

/** False only if the kernel says so. @param {Kernel} kernel */
export async function hasPackage(kernel) {
  const reply = await ask(kernel, { code: "import codeagent_nb" });
  return reply?.status !== "error";
}

/** Whether `%%agent` is loaded; not if the kernel does not say so: to load it again does no harm.
 * @param {Kernel} kernel */
export async function hasMagic(kernel) {
  const magic = "get_ipython().find_cell_magic('agent') is not None";
  const reply = await ask(kernel, { code: "", user_expressions: { magic } });
  return reply?.user_expressions?.magic?.data?.["text/plain"] === "True";
}

/** As `%load_ext` does, without a word. @param {Kernel} kernel */
export async function loadMagic(kernel) {
  await ask(kernel, { code: "get_ipython().extension_manager.load_extension('codeagent_nb')" });
}

/** The variables that code uses, as the option of `%%agent` takes them. @param {Kernel} kernel @param {string} code */
export async function namesUsed(kernel, code) {
  const module = "__import__('codeagent_nb.notebook.used_names', fromlist=['names_used'])";
  // A string of JSON is one of Python, too.
  const names = `${module}.names_used(${JSON.stringify(code)}, get_ipython().user_ns)`;
  const reply = await ask(kernel, { code: "", user_expressions: { names } });
  const text = reply?.user_expressions?.names?.data?.["text/plain"] ?? "";
  return /^'([\p{L}\p{M}\p{N}_,]+)'$/u.exec(text)?.[1] ?? "";
}

/** @param {Kernel} kernel @param {Record<string, any>} request @returns {Promise<Record<string, any> | undefined>} */
async function ask(kernel, request) {
  const { done } = kernel.requestExecute({ ...request, silent: true, store_history: false, stop_on_error: false });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const reply = await Promise.race([done.catch(() => undefined), late]); // fails if the kernel is restarted meanwhile
  return reply?.content;
}
