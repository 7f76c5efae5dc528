// @ts-check
// What the page answers to a request that it does not carry out. Nothing of such a request is done.

export class Refusal extends Error {}
