// @ts-check
// A question of the page to the kernel, and its answer: over a comm of its own to the target that both know, so that what
// the kernel broadcasts is for this page alone.

/** @typedef {import("../types.js").Kernel} Kernel */

export const TARGET = "codeagent_cells";
export const PROTOCOL = 4;

/** Undefined if there is no answer. @param {Kernel} kernel @param {Record<string, string>} question
 * @param {number} patience milliseconds @returns {Promise<Record<string, any> | undefined>} */
export async function ask(kernel, question, patience) {
  const comm = kernel.createComm(TARGET);
  /** @type {Promise<Record<string, any> | undefined>} */
  const answer = new Promise((resolve) => {
    comm.onMsg = ({ content }) => resolve(content?.data);
    comm.onClose = () => resolve(undefined);
    setTimeout(() => resolve(undefined), patience);
  });
  comm.open({ protocol: PROTOCOL, ...question });
  const reply = await answer;
  comm.onClose = () => undefined;
  const close = () => void (comm.isDisposed || comm.close());
  // An answer that comes late finds its comm: else Jupyter notes an error.
  if (reply) close();
  else comm.onMsg = close;
  return reply;
}
