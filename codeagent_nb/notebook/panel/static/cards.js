// @ts-check
// Where a card is shown: it is made once and then kept up to date, so that what a person has typed stays.

/** @typedef {{ element: HTMLElement, update: (fields: any) => void }} CardView */

/** What makes each kind of card. @type {Record<string, (fields: any, send: (message: Record<string, any>) => void) => CardView>} */
const CARDS = { folder: folderCard, model: modelCard, server: serverCard };

class CardPlace {
  /** @param {(message: Record<string, any>) => void} send */
  constructor(send) {
    this.send = send;
    this.id = "";
    /** @type {CardView | undefined} */
    this.view = undefined;
    this.element = h("div", { class: "cagent-card-place" });
  }

  /** @param {Record<string, any> | null} fields @returns {boolean} whether another card is shown than before */
  show(fields) {
    const isNew = (fields?.id ?? "") !== this.id;
    if (isNew) this.replace(fields);
    if (fields) this.view?.update(fields);
    return isNew;
  }

  /** @param {Record<string, any> | null} fields */
  replace(fields) {
    this.id = fields?.id ?? "";
    const send = (/** @type {Record<string, any>} */ message) => this.send({ ...message, id: fields?.id });
    const make = CARDS[fields?.kind ?? "model"];
    this.view = fields ? make(/** @type {any} */ (fields), send) : undefined;
    this.element.replaceChildren(...(this.view ? [this.view.element] : []));
  }
}
