// @ts-check
// Where the user writes. Keeps the draft; while the agent works, Send is Stop.

const HINT = "Enter sends · Shift+Enter makes a new line";
const BUSY_HINT = "The agent is working. Your text stays here.";
const ASKED_HINT = "The agent waits for your answer above. Your text stays here.";
const WAIT_HINT = "Not sent: the agent is still working. Stop it, or send when it is done.";

class Composer {
  /** @param {{ send: (text: string) => void, stop: () => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.busy = false;
    this.asked = false;
    this.field = h("textarea", {
      class: "cagent-input", rows: "1", placeholder: "What should the agent do?", "aria-label": "Task for the agent",
      "data-lm-suppress-shortcuts": "true", oninput: () => this.onInput(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
    });
    this.send = button({ class: "cagent-primary cagent-send", icon: "send", text: "Send", onclick: () => this.submit() });
    this.stop = stopButton(actions.stop);
    this.hint = h("span", { class: "cagent-hint", text: HINT });
    /** @type {HTMLElement} */
    this.element = h("div", { class: "cagent-composer" }, this.field, this.send, this.stop);
    this.show(false, false);
  }

  /** @param {boolean} busy @param {boolean} asked */
  show(busy, asked) {
    const focused = document.activeElement;
    const moved = focused === this.send || focused === this.stop;
    this.busy = busy;
    this.asked = asked;
    this.send.hidden = busy;
    this.stop.hidden = !busy;
    this.stop.disabled = false;
    if (moved) (busy ? this.stop : this.field).focus(); // a hidden button would drop the focus on the page
    this.onInput();
  }

  onInput() {
    this.send.setAttribute("aria-disabled", String(!this.field.value.trim()));
    this.sayHint(this.asked ? ASKED_HINT : this.busy ? BUSY_HINT : HINT, false);
    fitHeight(this.field);
  }

  /** @param {string} text @param {boolean} strong */
  sayHint(text, strong) {
    this.hint.textContent = text;
    this.hint.classList.toggle("cagent-strong-hint", strong);
    this.hint.setAttribute("role", strong ? "alert" : "note");
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
    event.preventDefault();
    this.submit();
  }

  /** A task that never began comes back, before what was typed since. @param {string} text */
  restore(text) {
    const typed = this.field.value;
    this.field.value = typed.trim() ? `${text}\n\n${typed}` : text;
    this.onInput();
  }

  submit() {
    const text = this.field.value.trim();
    if (!text) return void this.field.focus();
    if (this.busy) return this.sayHint(WAIT_HINT, true);
    this.actions.send(text);
    this.field.value = "";
    this.onInput();
    this.field.focus();
  }
}

/** Stops once; it is a fresh button again when the agent's state changes. @param {() => void} stop */
function stopButton(stop) {
  const control = button({ class: "cagent-stop", icon: "stop", text: "Stop", onclick: () => {
    stop();
    control.disabled = true;
    setTimeout(() => (control.disabled = false), 1500); // should it not have been heard
  } });
  return control;
}
