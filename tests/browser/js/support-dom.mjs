/** So much of a document as the pages' modules need where no browser draws them. Call `install` before they are imported. */

class ClassList {
  #element;

  constructor(element) {
    this.#element = element;
  }

  get #names() {
    return new Set(this.#element.className.split(" ").filter(Boolean));
  }

  contains = (name) => this.#names.has(name);
  add = (name) => this.toggle(name, true);

  toggle(name, on = !this.contains(name)) {
    const names = this.#names;
    if (on) names.add(name);
    else names.delete(name);
    this.#element.className = [...names].join(" ");
  }
}

export class Element extends EventTarget {
  children = [];
  parentElement = null;
  dataset = {};
  style = { setProperty() {} };
  className = "";
  classList = new ClassList(this);
  hidden = false;
  inert = false;
  clientHeight = 0;
  /** How often it was put somewhere. */
  moved = 0;
  #attributes = new Map();
  #text = "";
  #value = null;

  constructor(tag = "") {
    super();
    this.tag = tag;
  }

  get firstElementChild() {
    return this.children[0] ?? null;
  }

  get lastElementChild() {
    return this.children.at(-1) ?? null;
  }

  get childElementCount() {
    return this.children.length;
  }

  get nextElementSibling() {
    const { children } = this.parentElement;
    return children[children.indexOf(this) + 1] ?? null;
  }

  get textContent() {
    return this.children.length > 0 ? this.children.map((child) => child.textContent).join("") : this.#text;
  }

  set textContent(text) {
    this.#text = text;
  }

  get value() {
    return this.#value ?? this.getAttribute("value");
  }

  set value(value) {
    this.#value = value;
  }

  getAttribute = (name) => this.#attributes.get(name) ?? null;
  setAttribute = (name, value) => this.#attributes.set(name, String(value));

  showModal() {}
  close() {}

  getBoundingClientRect() {
    return { height: 0 };
  }

  contains(node) {
    return node === this || this.children.some((child) => child.contains(node));
  }

  hasChildNodes() {
    return this.children.length > 0;
  }

  append(...nodes) {
    for (const node of nodes) {
      if (node instanceof Element) this.insertBefore(node, null);
      else this.#text += node;
    }
  }

  insertBefore(node, place) {
    node.remove();
    const at = place === null ? this.children.length : this.children.indexOf(place);
    this.children.splice(at, 0, node);
    node.parentElement = this;
    node.moved += 1;
  }

  remove() {
    const siblings = this.parentElement?.children ?? [];
    if (siblings.includes(this)) siblings.splice(siblings.indexOf(this), 1);
    this.parentElement = null;
  }

  replaceChildren(...nodes) {
    for (const child of [...this.children]) child.remove();
    this.append(...nodes);
  }

  /** Selectors are a tag or a class, or several of them behind commas. */
  matches(selector) {
    return selector.split(", ").some((each) => (each.startsWith(".") ? this.classList.contains(each.slice(1)) : each === this.tag));
  }

  querySelectorAll(selector) {
    return this.children.flatMap((child) => [...(child.matches(selector) ? [child] : []), ...child.querySelectorAll(selector)]);
  }

  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }
}

export function install() {
  const make = (tag) => new Element(tag);
  const body = make("body");
  Object.assign(globalThis, {
    HTMLElement: Element,
    customElements: { define() {} },
    document: { body, activeElement: body, createElement: make, createElementNS: (_, tag) => make(tag) },
    getComputedStyle: () => ({ marginTop: "0", paddingTop: "0" }),
    DOMParser: class {
      parseFromString = () => ({ documentElement: make("svg") });
    },
  });
  return body;
}
