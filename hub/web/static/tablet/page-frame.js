/**
 * The document of a hotel's page inside its frame, which runs no script and has no origin. The hub has cleaned the HTML;
 * what another writer has put into the database is held here: no frame in the frame, no form, no picture from elsewhere,
 * and no link but the two kinds that pages have.
 */
const UNWANTED = "base, embed, form, iframe, link, math, meta, object, script, style, svg, template";
const ATTRIBUTES = new Set(["alt", "class", "colspan", "height", "href", "lang", "rowspan", "scope", "src", "start", "width"]);
const OWN = /^\/(static|api\/v1\/files)\/[\w./-]+$/;
const DIALS = /^tel:\+?[0-9][0-9()-]*$/;
const PAGE = /^#page=([a-z0-9-]{1,63})$/;
const SIZES = [16, 18, 20, 24, 28, 32, 40, 48];
const STYLE = "/static/tablet/page.css";

/**
 * @param html what the page says; `lang` its language; `theme` "day" or "night"; `textPx` how large the guest wants a
 *   rem to be; `dials` whether this device can call a number; `path` the address of the screen, where links to pages lead
 */
export function frameDocument({ html, lang, theme, textPx, dials, path, parser = new DOMParser() }) {
  const page = parser.parseFromString(html, "text/html");
  for (const element of page.querySelectorAll(UNWANTED)) element.remove();
  for (const element of page.querySelectorAll("*")) {
    for (const name of element.getAttributeNames()) if (!ATTRIBUTES.has(name)) element.removeAttribute(name);
  }
  for (const link of page.querySelectorAll("a, area")) settle(link, { dials, path });
  for (const image of page.querySelectorAll("img, input, audio, video, source")) {
    if (image.localName === "img" && OWN.test(image.getAttribute("src") ?? "")) image.setAttribute("loading", "lazy");
    else image.remove();
  }
  const root = page.documentElement;
  root.lang = lang;
  root.dataset.theme = theme;
  root.className = `text-${SIZES.find((size) => size >= textPx) ?? SIZES.at(-1)}`;
  const style = page.createElement("link");
  style.rel = "stylesheet";
  style.href = STYLE;
  page.head.replaceChildren(style);
  return `<!doctype html>${root.outerHTML}`;
}

/** A link calls a number where there is a phone, or leads to another page; any other one is text. */
function settle(link, { dials, path }) {
  const href = link.getAttribute("href") ?? "";
  const [, slug] = PAGE.exec(href) ?? [];
  if (slug !== undefined) {
    link.setAttribute("href", `${path}#page=${slug}`);
    link.setAttribute("target", "_top");
  } else if (!dials || !DIALS.test(href)) {
    link.replaceWith(...link.childNodes);
  }
}

/** The page that a link in a frame leads to, by the address of the screen; null for none. */
export const linkedPage = (hash) => PAGE.exec(hash)?.[1] ?? null;
