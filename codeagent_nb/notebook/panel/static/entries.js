// @ts-check
// One entry of the transcript as an element: its kinds, its words. Knows nothing of scrolling, messages or the model.

/** @typedef {{ id: string, kind: string, [field: string]: any }} Entry */
/** @typedef {{ element: HTMLElement, update: (entry: Entry, text: string) => void }} EntryView */
/** @typedef {{ showImage: (source: string, label: string) => void, bring: (name: string, made: string) => void }} Actions */

/** @type {Record<string, [string, string, string]>} */
const NOTES = {
  info: ["info", "info", "Note"],
  warn: ["warn", "warn", "Warning"],
  error: ["failed", "bad", "Error"],
};

/** @param {string} className @param {string} [label] */
function article(className, label) {
  return h("div", { class: `cagent-entry ${className}`, role: "article", "aria-label": label });
}

/** Text that never changes much: made again at every change. @param {string} name @param {string} label
 * @param {(element: HTMLElement, entry: Entry) => void} fill @returns {EntryView} */
function simpleView(name, label, fill) {
  const element = article(name, label);
  return { element, update: (entry) => fill(element, entry) };
}

/** @param {string} name @param {string} label @param {HTMLElement | null} heading @returns {EntryView} */
function markdownView(name, label, heading) {
  const body = new Markdown();
  const element = article(name, label);
  if (heading) element.append(heading);
  element.append(body.element);
  return {
    element,
    update(entry, text) {
      element.classList.toggle("cagent-open", Boolean(entry.open));
      body.show(text, Boolean(entry.open));
    },
  };
}

/** How a status is shown: picture, colour and word come with the entry. @param {Entry} entry */
function toned(entry) {
  return h("span", { class: `cagent-toned cagent-${entry.tone}` }, icon(entry.icon), h("strong", { text: entry.word }));
}

/** @param {HTMLElement} element @param {Entry} entry */
function fillTask(element, entry) {
  element.replaceChildren(h("div", { class: "cagent-bubble", text: entry.text }));
}

/** @param {HTMLElement} element @param {Entry} entry */
function fillNote(element, entry) {
  const [picture, tone, word] = NOTES[entry.level] ?? NOTES.info;
  const label = h("span", { class: "cagent-hidden", text: `${word}: ` });
  element.replaceChildren(
    h("span", { class: `cagent-toned cagent-${tone}` }, icon(picture)), h("span", {}, label, entry.text));
}

/** What a task has made, with a button for each variable that can come. @param {Actions} actions
 * @returns {(element: HTMLElement, entry: Entry) => void} */
function variablesFiller(actions) {
  return (element, entry) => {
    const buttons = (entry.names ?? []).map((/** @type {string} */ name) =>
      button({ text: `Bring ${name} to my kernel`, onclick: () => actions.bring(name, entry.made) }));
    element.replaceChildren(h("div", { text: entry.text }), h("div", { class: "cagent-bring" }, ...buttons));
  };
}

/** @param {HTMLElement} element @param {Entry} entry */
function fillEnd(element, entry) {
  element.dataset.tone = entry.tone;
  const facts = (entry.facts ?? []).map((/** @type {string} */ fact) => h("li", { text: fact }));
  element.replaceChildren(
    h("div", { class: "cagent-end-line" }, toned(entry), h("span", { text: entry.text ?? "" })),
    facts.length ? h("ul", { class: "cagent-facts", "aria-label": "Facts" }, ...facts) : "");
}

/** @param {Actions} actions @returns {(element: HTMLElement, entry: Entry) => void} */
function runFiller(actions) {
  return (element, entry) => {
    const open = element.querySelector("details")?.open;
    const facts = [entry.attempt > 1 ? `attempt ${entry.attempt}` : "", duration(entry.seconds)].filter(Boolean);
    element.dataset.tone = entry.tone;
    element.replaceChildren(
      h("div", { class: "cagent-run-line" },
        toned(entry), h("span", { class: "cagent-muted", text: facts.join(" · ") })),
      runText(entry, Boolean(open)) ?? "",
      thumbnails(entry.images ?? [], actions) ?? "",
      entry.note ? h("div", { class: "cagent-run-note cagent-muted", text: entry.note }) : "");
  };
}

/** What a run printed; of a failed one the last line, the rest behind it. @param {Entry} entry
 * @param {boolean} open @returns {HTMLElement | null} */
function runText(entry, open) {
  const text = (entry.text ?? "").replace(/\s+$/, "");
  if (!text) return null;
  const output = h("pre", { class: "cagent-output", text, tabindex: "0", role: "region", "aria-label": "Output" });
  if (entry.tone !== "bad") return output;
  const last = text.slice(text.lastIndexOf("\n") + 1);
  return h("details", { class: "cagent-failure", open }, h("summary", {}, h("span", { text: last })), output);
}

/** @param {string[]} images @param {Actions} actions @returns {HTMLElement | null} */
function thumbnails(images, actions) {
  const safe = images.filter((source) => DATA_IMAGE.test(source));
  if (!safe.length) return null;
  return h("div", { class: "cagent-thumbnails" }, ...safe.map((source, at) => {
    const label = safe.length > 1 ? `Picture ${at + 1} of ${safe.length}` : "Picture";
    const picture = h("img", { src: source, alt: "" });
    return h("button", {
      type: "button", class: "cagent-thumbnail", "aria-label": `${label}: show it`, title: "Show it",
      onclick: () => actions.showImage(source, label),
    }, picture);
  }));
}

/** @param {Entry} entry @param {Actions} actions @returns {EntryView} */
function entryView(entry, actions) {
  switch (entry.kind) {
    case "task":
      return simpleView("cagent-task", "You", fillTask);
    case "run":
      return simpleView("cagent-run", "Run", runFiller(actions));
    case "note":
      return simpleView("cagent-note", "", fillNote);
    case "variables":
      return simpleView("cagent-variables", "New variables", variablesFiller(actions));
    case "end":
      return simpleView("cagent-end", "Result", fillEnd);
    case "reflection":
      return markdownView("cagent-reflection", "Answer",
        h("div", { class: "cagent-label" }, h("span", { text: "Result" }))); // as in the terminal and the saved notebook
    default:
      return markdownView("cagent-reply", "Agent", null);
  }
}

/** What a screen reader should say of a finished entry. @param {Entry} entry @param {string} text */
function spoken(entry, text) {
  const short = text.replace(/```[\s\S]*?(```|$)/g, " (code) ").replace(/\s+/g, " ").slice(0, 300);
  if (entry.kind === "run") return `${entry.word}, attempt ${entry.attempt}`;
  if (entry.kind === "end") return `${entry.word}. ${short}`;
  return entry.kind === "task" ? "" : short;
}
