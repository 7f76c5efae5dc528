// @ts-check
// The entries in their order: what changed is painted once a frame. Owns scrolling and what is spoken.

/** @typedef {{ view: EntryView, entry: Entry }} Shown */

class Transcript {
  /** @param {Actions} actions @param {(text: string) => void} announce */
  constructor(actions, announce) {
    this.actions = actions;
    this.announce = announce;
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** Streamed text; `base` is null until it is known. @type {Map<string, { base: string | null, more: string }>} */
    this.streams = new Map();
    /** @type {Set<string>} */
    this.dirty = new Set();
    this.frame = 0;
    this.sticky = true;
    this.lastTop = 0;
    /** @type {HTMLElement} */
    this.list = h("div", { class: "cagent-entries" });
    /** @type {HTMLElement} */
    this.scroller = h("div", {
      class: "cagent-scroller", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0",
      onscroll: () => this.onScroll(),
    }, this.list);
    this.jump = button({ class: "cagent-jump", icon: "down", text: "Jump to latest", onclick: () => this.toEnd(), hidden: true });
    /** @type {HTMLElement} */
    this.element = h("div", { class: "cagent-transcript" }, this.scroller, this.jump);
    this.observer = new ResizeObserver(() => this.sticky && this.toEnd()); // pictures load late, the page gets narrower
    this.observer.observe(this.list);
    this.observer.observe(this.scroller);
  }

  /** Show these entries; of known ones only what changed. @param {Entry[]} entries @param {boolean} history */
  show(entries, history) {
    const ids = new Set(entries.map((entry) => entry.id));
    for (const [id, { view }] of this.shown) if (!ids.has(id)) this.forget(id, view);
    entries.forEach((entry, at) => this.showEntry(entry, at, history));
    this.element.toggleAttribute("data-empty", entries.length === 0);
    this.settle();
  }

  /** @param {Entry} entry @param {number} at @param {boolean} history */
  showEntry(entry, at, history) {
    const known = this.shown.get(entry.id);
    if (known && same(known.entry, entry) && this.list.children[at] === known.view.element) return;
    const view = known?.view ?? entryView(entry, this.actions);
    this.shown.set(entry.id, { view, entry });
    if (this.list.children[at] !== view.element) this.list.insertBefore(view.element, this.list.children[at] ?? null);
    if (!entry.open) this.streams.delete(entry.id);
    view.update(entry, this.textOf(entry));
    view.element.classList.toggle("cagent-taken-back", Boolean(entry.taken_back));
    if (!history && isFinished(entry) && !(known && isFinished(known.entry))) {
      this.announce(spoken(entry, entry.text ?? ""));
    }
  }

  /** @param {string} id @param {EntryView} view */
  forget(id, view) {
    view.element.remove();
    this.shown.delete(id);
    this.streams.delete(id);
  }

  /** More text of an open entry, which may come before the entry itself. @param {string} id @param {string} text */
  append(id, text) {
    const stream = this.streams.get(id) ?? { base: null, more: "" };
    this.streams.set(id, { ...stream, more: stream.more + text });
    this.paintSoon(id);
  }

  /** All text of an open entry. @param {string} id @param {string} text */
  replace(id, text) {
    this.streams.set(id, { base: text, more: "" });
    this.paintSoon(id);
  }

  /** @param {Entry} entry @returns {string} */
  textOf(entry) {
    const stream = this.streams.get(entry.id);
    if (!stream) return entry.text ?? "";
    stream.base ??= entry.text ?? "";
    return stream.base + stream.more;
  }

  /** @param {string} id */
  paintSoon(id) {
    this.dirty.add(id);
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    for (const id of this.dirty) {
      const known = this.shown.get(id);
      if (known?.entry.open) known.view.update(known.entry, this.textOf(known.entry));
      else if (known) this.streams.delete(id); // it was closed meanwhile, with its whole text
    }
    this.dirty.clear();
    this.settle();
  }

  onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < 32;
    if (atEnd) this.sticky = true;
    else if (scrollTop < this.lastTop) this.sticky = false; // the text growing is not the user scrolling
    this.lastTop = scrollTop;
    this.jump.hidden = this.sticky;
  }

  toEnd() {
    this.sticky = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.lastTop = this.scroller.scrollTop;
    this.jump.hidden = true;
  }

  settle() {
    if (this.sticky) this.toEnd();
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
  }
}

/** @param {Entry} entry */
function isFinished(entry) {
  return !entry.open && entry.status !== "running";
}

/** Whether two entries look alike. @param {Entry} one @param {Entry} other */
function same(one, other) {
  const names = Object.keys(other);
  return names.length === Object.keys(one).length && names.every((name) => sameValue(one[name], other[name]));
}

/** @param {any} one @param {any} other */
function sameValue(one, other) {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((value, at) => value === other[at]);
}
