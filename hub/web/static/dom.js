/** Elements without templates: properties for what is alive, attributes for the rest; no markup from text, ever. */

/**
 * `h("button", { class: "primary", onclick: f, "aria-label": "..." }, "text", child)`. A property that is false, null
 * or undefined is left out; children that are null or false too.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Make the children of `parent` match `items` in order, keeping the element of every key that stays, with its focus,
 * scroll and pressed state. Those that stay in their order are not moved, which would cost them the focus: what goes is
 * taken out first, and what sinks is taken out of the way unless it has the focus. `create(item)` returns a new
 * element, `update(element, item)` is called for all.
 */
export function reconcile(parent, items, { key, create, update }) {
  const names = items.map((item, index) => key(item, index));
  const wanted = new Set(names);
  for (const element of [...parent.children]) if (!wanted.has(element.dataset.key)) element.remove();
  const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  let place = parent.firstElementChild;
  for (const [index, item] of items.entries()) {
    const name = names[index];
    let element = known.get(name);
    if (element) {
      known.delete(name);
    } else {
      element = create(item);
      element.dataset.key = name;
    }
    if (place !== null && place !== element && place.nextElementSibling === element && !place.contains(document.activeElement)) {
      place.remove();
      place = element;
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  for (const element of known.values()) element.remove();
}

/** Set text only when it differs: a live region must not repeat itself, a selection must not be lost. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Run `work` in the next frame, once, however often it is asked for. */
export function perFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}
