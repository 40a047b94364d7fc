import { h } from "../dom.js";
import { button, Field } from "./form.js";
import { wholeField } from "./service-settings-fields.js";
import { keyFor } from "./service-settings-model.js";
import { say, text } from "./words.js";

/** What dishes are made at, or stand under: the names in both languages, and how many portions a station makes at once. */
export class LabelList {
  element;

  #name;
  #one;
  #list = h("ul");
  #rows = [];
  #gone = []; // those that were taken off, to be put back when dishes need them

  /** @param name what the hub calls the list; `one` is "station" or "heading" */
  constructor({ name, one }) {
    this.#name = name;
    this.#one = one;
    this.element = h("fieldset", {}, text("legend", `serving.${name}`), text("p.hint", `serving.${name}.hint`), this.#list,
      h("div", { class: "actions" }, button("quiet", `serving.${one}.add`, () => this.#add(), { symbol: "plus" })));
  }

  /** @param labels `{key, name_ja, name_en}`, a station with its `portions` */
  set labels(labels) {
    this.#gone = [];
    this.#rows = labels.map((label) => this.#row(label));
    this.#draw();
  }

  get labels() {
    const keys = this.#rows.map(({ key }) => key).filter((key) => key !== null);
    return this.#rows.map(({ key, fields: [ja, en, portions] }) => {
      const own = key ?? keyFor(en.value, keys, this.#one);
      if (key === null) keys.push(own);
      return { key: own, name_ja: ja.value.trim(), name_en: en.value.trim(), ...(portions ? { portions: Number(portions.value) } : {}) };
    });
  }

  get fields() {
    return this.#rows.flatMap(({ fields }) => fields);
  }

  /** The field that the hub means by `stations[2].name_en`, or undefined. */
  field(path) {
    const [, name, at, part] = /^(\w+)\[(\d+)\]\.(name_ja|name_en)$/.exec(path) ?? [];
    return name === this.#name ? this.#rows[at]?.fields.find((each) => each.name === part) : undefined;
  }

  /** Put back those with these keys, and say that they are needed; whether any had been taken off. */
  restore(keys) {
    const back = this.#gone.filter(({ key }) => keys.includes(key));
    this.#gone = this.#gone.filter((row) => !back.includes(row));
    for (const row of back.toSorted((one, other) => one.place - other.place)) {
      this.#rows.splice(row.place, 0, row);
      row.fields[0].fault(`serving.fault.${this.#one}.in_use`);
    }
    this.#draw();
    back[0]?.fields[0].input.focus();
    return back.length > 0;
  }

  #row({ key, name_ja: ja, name_en: en, portions }) {
    const name = (part, value) => {
      const field = new Field({ name: part, label: `serving.${part}`, autocomplete: "off", maxlength: "100" });
      field.value = value;
      return field;
    };
    const fields = [name("name_ja", ja), name("name_en", en)];
    if (this.#one === "station") {
      fields.push(wholeField("station.portions", "1", "50"));
      fields[2].value = portions;
    }
    const row = { key, fields };
    const remove = button("danger-quiet", "serving.remove", () => this.#remove(row));
    const called = () => say(remove, `serving.${this.#one}.remove.of`, { name: () => fields[0].value || fields[1].value }, "aria-label");
    row.element = h("li", { class: this.#one }, fields.map(({ element }) => element), called());
    for (const { input } of fields) input.addEventListener("input", called);
    return row;
  }

  #add() {
    const row = this.#row({ key: null, name_ja: "", name_en: "", portions: 3 });
    this.#rows.push(row);
    this.#draw();
    row.fields[0].input.focus();
  }

  #remove(row) {
    row.place = this.#rows.indexOf(row);
    this.#rows.splice(row.place, 1);
    if (row.key !== null) this.#gone.push(row);
    this.#draw();
    (this.#rows[row.place] ?? this.#rows.at(-1))?.fields[0].input.focus();
  }

  #draw() {
    this.#list.replaceChildren(...this.#rows.map(({ element }) => element));
  }
}
