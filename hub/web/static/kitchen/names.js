/** What the hotel calls its allergens and stations, in the language of the screen; a code that it does not know as it is. */
export class Names {
  #store;
  #i18n;

  constructor(store, i18n) {
    this.#store = store;
    this.#i18n = i18n;
  }

  allergens(codes) {
    const known = this.#store.hotel?.allergens.items ?? [];
    return codes.map((code) => this.#named(known.find((each) => each.code === code), code)).join(this.#i18n.text("join"));
  }

  station(key) {
    return this.#named(this.#store.hotel?.stations.find((each) => each.key === key), key);
  }

  #named(document, fallback) {
    return (document && this.#i18n.of(document, "name")) || fallback;
  }
}
