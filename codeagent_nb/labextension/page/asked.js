// @ts-check
// What the user has asked this notebook's kernel for in this page: the cells that run, and a task from the agent's panel.
//
// It is read from the messages that the page itself sends. Code in the kernel can neither send nor change these; what it
// says of itself (the parent of a message, say) is only compared with them.
//
// Whether a widget is the agent's panel cannot be known here: its class is what the kernel says it is, and a page that is
// loaded again is not told. So any widget that sends what our panel sends may begin one task, at the notebook's end.

/** @typedef {import("../types.js").Kernel} Kernel */
/** @typedef {import("../types.js").KernelMessage} KernelMessage */

/** How long a task from a panel waits for its first cell; the kernel may have another cell to run first. */
const PATIENCE = 60_000;

export class Asked {
  /** @param {{ runs: (cell: string) => void, ran: (cell: string, code: string) => void }} told called for each cell that
   * the user runs, and for each that has run well */
  constructor(told) {
    this.told = told;
    /** What has not ended, by the id of the message that runs it. @type {Map<string, { cell: string, code: string }>} */
    this.sentCells = new Map();
    /** Cells by the id of the message that runs them. @type {Map<string, string>} */
    this.running = new Map();
    /** The widget whose task waits, and since when. @type {{ widget: string, since: number } | undefined} */
    this.panelTask = undefined;
    /** @type {WeakSet<Kernel>} */
    this.heard = new WeakSet();
  }

  /** @param {Kernel} kernel */
  hear(kernel) {
    this.forget();
    if (this.heard.has(kernel)) return;
    this.heard.add(kernel);
    kernel.anyMessage.connect((_, { msg, direction }) => (direction === "send" ? this.sent(msg) : this.received(msg)));
  }

  forget() {
    this.running.clear();
    this.sentCells.clear();
    this.panelTask = undefined;
  }

  /** @param {KernelMessage} message */
  sent({ header, metadata, content }) {
    if (header.msg_type === "execute_request" && typeof metadata?.cellId === "string") {
      this.running.set(header.msg_id, metadata.cellId);
      this.sentCells.set(header.msg_id, { cell: metadata.cellId, code: String(content?.code) });
      this.told.runs(metadata.cellId);
    }
    const { comm_id, data } = content ?? {};
    if (header.msg_type === "comm_msg" && data?.method === "custom" && data.content?.type === "send") {
      this.panelTask = { widget: comm_id, since: Date.now() };
    }
  }

  /** @param {KernelMessage} message */
  received({ header, parent_header, content }) {
    const message = parent_header?.msg_id ?? "";
    const sent = this.sentCells.get(message);
    if (header.msg_type === "execute_reply" && this.sentCells.delete(message) && sent && content?.status === "ok") {
      this.told.ran(sent.cell, sent.code);
    }
    const isEnd =
      header.msg_type === "execute_reply" || (header.msg_type === "status" && content?.execution_state === "idle");
    if (isEnd) this.running.delete(message);
  }

  /** Which cell runs by this message; undefined for all that the page has not sent, or that has ended.
   * @param {unknown} message */
  cellOf(message) {
    return typeof message === "string" ? this.running.get(message) : undefined;
  }

  /** A cell that runs begins one task, not more. @param {unknown} message */
  takeCell(message) {
    const cell = this.cellOf(message);
    if (typeof message === "string") this.running.delete(message);
    return cell;
  }

  /** The widget of the panel with a task of the user's; it begins one task. */
  takePanelTask() {
    const task = this.panelTask;
    this.panelTask = undefined;
    return task && Date.now() - task.since < PATIENCE ? task.widget : undefined;
  }
}
