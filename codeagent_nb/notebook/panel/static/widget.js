// @ts-check
// The view of the widget: puts the parts together and follows the model. What is shown comes from traits and messages.

/** @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   on(name: string, callback: Function): void, off(name: string, callback: Function): void,
 *   send(content: any): void }} Model */

/** Word of each state; its icon has the state's name. @type {Record<string, string>} */
const STATE_WORDS = {
  idle: "Ready",
  unset: "No model yet",
  setup: "Setting up",
  thinking: "Thinking",
  running: "Running",
  waiting: "Waiting for you",
  done: "Done",
  failed: "Failed",
};
const BUSY = new Set(["setup", "thinking", "running", "waiting"]);
/** What the button beside the text field does, by its message. @type {Record<string, [string, string]>} */
const TURNS = {
  undo: ["Take back", "Take the last task back, with its variables"],
  redo: ["Take again", "Take the task again that was taken back last"],
};
/** In these the time is shown after some seconds: a small model on a busy machine thinks for minutes. */
const TIMED = new Set(["thinking", "running"]);
const SECONDS_UNTIMED = 5;

class AgentView {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.chat = model.get("mode") !== "cell";
    this.live = h("div", { class: "cagent-hidden", role: "status", "aria-live": "polite", "aria-atomic": "false" });
    /** @type {HTMLElement} */
    this.root = h("div", { class: `cagent cagent-${this.chat ? "chat" : "cell"}`, role: "region",
      "aria-label": "Agent", "data-lm-suppress-shortcuts": "true" });
    this.state = h("div", { class: "cagent-state" });
    this.clock = h("span", { class: "cagent-clock" });
    this.ticking = 0;
    this.select = h("select", { class: "cagent-select", onchange: () => this.chooseModel() });
    this.chooser = h("label", { class: "cagent-chooser" }, h("span", { text: "Model" }), this.select);
    this.path = h("span", { class: "cagent-path" });
    this.turn = h("span", {});
    this.place = h("span", { class: "cagent-chip", title: "Where the code runs" });
    this.form = h("div", { class: "cagent-approval-place" });
    this.card = new CardPlace((message) => this.send(message));
    /** @type {string | undefined} */
    this.asked = undefined;
    const showImage = (/** @type {string} */ source, /** @type {string} */ label) => this.showImage(source, label);
    const bring = (/** @type {string} */ name, /** @type {string} */ made) => this.send({ type: "bring", name, made });
    this.transcript = new Transcript({ showImage, bring }, (text) => this.say(text));
    this.composer = new Composer({
      send: (text) => this.send({ type: "send", text }),
      stop: () => this.send({ type: "stop" }),
    });
    this.stop = stopButton(() => this.send({ type: "stop" }));
    this.kernel = new KernelView(this.root, () => this.send({ type: "look" }));
    this.build();
    this.keepKeys();
    el.append(this.root);
    this.undo = this.follow();
    this.showAll();
    this.send({ type: "ready" });
  }

  build() {
    const save = button({ class: "cagent-quiet", icon: "save", text: "Save notebook", onclick: () => this.send({ type: "save" }) });
    if (!this.chat) {
      return this.root.append(h("div", { class: "cagent-head" }, this.state, this.stop), this.kernel.line,
        this.card.element, this.form, this.live);
    }
    const welcome = h("div", { class: "cagent-welcome" }, h("strong", { text: "What would you like to find out?" }),
      h("span", { text: "The agent writes code, runs it, and repairs what fails." }));
    this.root.append(
      h("div", { class: "cagent-head" }, this.state,
        h("div", { class: "cagent-head-end" }, this.place, this.kernel.toggle, this.chooser)),
      this.kernel.line,
      this.kernel.details,
      h("div", { class: "cagent-body" }, welcome, this.transcript.element),
      this.card.element,
      this.form,
      h("div", { class: "cagent-foot" }, this.composer.element,
        h("div", { class: "cagent-below" }, this.composer.hint,
          h("span", { class: "cagent-saving" }, this.path, this.turn, save))),
      this.live);
  }

  /** Jupyter must not take keys for its own: on a focused button, "d d" would delete the cell. Lab needs the events
   * stopped; Notebook 7 listens before that, and looks for the attribute on the focused element itself. */
  keepKeys() {
    for (const name of ["keydown", "keyup", "keypress"]) {
      this.root.addEventListener(name, (event) => event.stopPropagation());
    }
    this.root.addEventListener("keydown", (event) => this.passSaving(event));
    this.root.addEventListener("focusin", ({ target }) => {
      if (target instanceof Element) target.setAttribute("data-lm-suppress-shortcuts", "true");
    });
  }

  /** Ctrl+S is for the notebook, not for the browser. @param {KeyboardEvent} event */
  passSaving(event) {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "s") return;
    event.preventDefault();
    this.root.parentElement?.dispatchEvent(new KeyboardEvent("keydown", event));
  }

  /** @returns {() => void} */
  follow() {
    /** @type {[string, (...values: any[]) => void][]} */
    const wiring = [
      ["change:state", () => this.showState()],
      ["change:status", () => this.showState()],
      ["change:entries", () => this.showEntries(false)],
      ["change:approval", () => this.showApproval()],
      ["change:card", () => this.showCard()],
      ["change:models", () => this.showModels()],
      ["change:model", () => this.showModels()],
      ["change:notebook", () => this.showPath()],
      ["change:place", () => this.showPlace()],
      ["change:turn", () => this.showTurn()],
      ["msg:custom", (message) => this.receive(message)],
    ];
    for (const [name, callback] of wiring) this.model.on(name, callback);
    return () => wiring.forEach(([name, callback]) => this.model.off(name, callback));
  }

  showAll() {
    this.showState();
    this.showModels();
    this.showPath();
    this.showPlace();
    this.showTurn();
    this.showEntries(true);
    this.showApproval();
    this.showCard();
  }

  /** @param {{ type: string, [field: string]: any }} message */
  receive(message) {
    if (message.type === "kernel") this.kernel.show(/** @type {any} */ (message));
    if (message.type === "delta") this.transcript.append(message.id, message.text);
    if (message.type === "text") this.transcript.replace(message.id, message.text);
    if (message.type === "restore") this.composer.restore(message.text);
  }

  showState() {
    const state = this.model.get("state");
    const status = this.model.get("status") ?? "";
    const busy = BUSY.has(state);
    const changed = this.root.dataset.state !== state;
    this.root.dataset.state = state;
    const word = STATE_WORDS[state];
    const says = status.startsWith(word); // "Running", "Running attempt 2": once is enough
    this.state.replaceChildren(icon(state), h("strong", { text: says ? status : word }),
      says ? "" : h("span", { class: "cagent-status", text: status, title: status }), this.clock);
    if (!changed) return;
    this.showTime(TIMED.has(state));
    this.kernel.follow(state === "running");
    this.turn.hidden = busy;
    this.composer.show(busy, state === "waiting" || state === "setup");
    this.stop.hidden = !busy;
    this.stop.disabled = false;
    if (state === "waiting") this.say(status || "The agent waits for your approval.");
  }

  /** Show how long a state lasts, from now on or no longer. @param {boolean} runs */
  showTime(runs) {
    clearInterval(this.ticking);
    this.clock.textContent = "";
    if (!runs) return;
    const begun = Date.now();
    this.ticking = window.setInterval(() => (this.clock.textContent = elapsed(Date.now() - begun)), 1000);
  }

  /** @param {boolean} history */
  showEntries(history) {
    if (!this.chat) return;
    const entries = this.model.get("entries") ?? [];
    this.root.toggleAttribute("data-empty", entries.length === 0);
    this.transcript.show(entries, history);
  }

  showApproval() {
    const approval = this.model.get("approval");
    if (approval && approval.id === this.asked) return; // told again; what the user has edited stays
    this.asked = approval?.id;
    const inPanel = this.root.contains(document.activeElement);
    const inForm = this.form.contains(document.activeElement);
    this.form.replaceChildren();
    if (approval) {
      const form = approvalForm(approval, (message) => this.send(message));
      this.form.append(form);
      if (inPanel) form.focus({ preventScroll: true });
      form.scrollIntoView?.({ block: "nearest" });
    } else if (inForm && this.chat) {
      this.composer.field.focus({ preventScroll: true });
    }
  }

  showCard() {
    const fields = this.model.get("card");
    const inCard = this.card.element.contains(document.activeElement);
    if (!this.card.show(fields)) return;
    this.root.toggleAttribute("data-card", Boolean(fields));
    if (fields) this.say(fields.title);
    else if (inCard && this.chat) this.composer.field.focus({ preventScroll: true });
  }

  showModels() {
    const models = this.model.get("models") ?? [];
    this.chooser.hidden = models.length < 2;
    this.select.replaceChildren(...models.map((/** @type {string} */ name) => h("option", { value: name, text: name })));
    this.select.value = this.model.get("model");
  }

  chooseModel() {
    this.model.set("model", this.select.value);
    this.model.save_changes();
  }

  showPath() {
    const path = this.model.get("notebook") ?? "";
    this.path.textContent = path;
    this.path.hidden = !path;
    this.path.title = path;
  }

  showPlace() {
    const place = this.model.get("place") ?? "";
    this.place.replaceChildren(`on ${place.replace(/^https?:\/\//, "")}`);
    this.place.hidden = !place;
  }

  showTurn() {
    const type = this.model.get("turn") ?? "";
    const [text, title] = TURNS[type] ?? [];
    const turn = text && button({ class: "cagent-quiet", icon: type, text, title, onclick: () => this.send({ type }) });
    const had = this.turn.contains(document.activeElement);
    this.turn.replaceChildren(turn || "");
    if (had && turn) turn.focus();
  }

  /** Show a picture where it is large: below, in the cell's own output, or else over the page.
   * @param {string} source @param {string} label */
  showImage(source, label) {
    const cell = this.root.closest(".jp-Cell, .cell");
    const original = [...(cell?.querySelectorAll("img") ?? [])].find(
      (image) => !this.root.contains(image) && sameImage(image.src, source));
    if (!original) return this.openLightbox(source, label);
    original.scrollIntoView({ block: "center", behavior: scrolling() });
    original.classList.add("cagent-found");
    setTimeout(() => original.classList.remove("cagent-found"), 1600);
  }

  /** @param {string} source @param {string} label */
  openLightbox(source, label) {
    const close = button({ class: "cagent-close", icon: "failed", text: "Close", onclick: () => dialog.close() });
    const dialog = h("dialog", { class: "cagent-lightbox", "aria-label": label, onclose: () => dialog.remove(),
      onclick: (/** @type {MouseEvent} */ event) => event.target === dialog && dialog.close() },
    h("img", { src: source, alt: label }), close);
    this.root.append(dialog);
    dialog.showModal();
  }

  /** Have a screen reader say it, after what it still has to say. @param {string} text */
  say(text) {
    if (!text) return;
    const line = h("div", { text });
    this.live.append(line);
    setTimeout(() => line.remove(), 10_000);
  }

  /** @param {Record<string, any>} message */
  send(message) {
    this.model.send(message);
  }

  close() {
    this.undo();
    this.showTime(false);
    this.kernel.close();
    this.transcript.close();
  }
}

/** A time as the end of a run tells it; nothing if it is short. @param {number} milliseconds */
function elapsed(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < SECONDS_UNTIMED) return "";
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Jupyter wraps and trims the text of pictures. @param {string} one @param {string} other */
function sameImage(one, other) {
  const squeeze = (/** @type {string} */ text) => text.replace(/\s|%0A/g, "");
  return squeeze(one) === squeeze(other);
}

export default {
  /** @param {{ model: Model, el: HTMLElement }} context */
  render({ model, el }) {
    const view = new AgentView(model, el);
    return () => view.close();
  },
};
