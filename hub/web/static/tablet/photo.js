import { h } from "../dom.js";
import { hasIcon, icon } from "../icons.js";

const failed = new Map();

/** The way to the hub is there again: pictures that could not be loaded without it are asked for once more. */
export function retryPhotos() {
  const frames = [...failed];
  failed.clear();
  for (const [frame, load] of frames) if (frame.isConnected) load();
}

/**
 * The picture of a dish, always 4:3 whatever comes: the frame is there before the picture, and what cannot be loaded
 * is an emblem of its category. `eager` for what is seen first.
 */
export function photo(item, { alt, eager = false }) {
  const frame = h("div", { class: "photo" });
  const emblem = () => {
    frame.classList.add("emblem");
    frame.replaceChildren(icon(hasIcon(item.category) ? item.category : "main"));
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", alt);
  };
  if (!item.image_url) {
    emblem();
    return frame;
  }
  const missing = () => {
    emblem();
    failed.set(frame, load);
  };
  const load = () => {
    frame.classList.remove("emblem");
    for (const name of ["role", "aria-label"]) frame.removeAttribute(name);
    const image = h("img", { src: item.image_url, alt, width: "400", height: "300", loading: eager ? null : "lazy", decoding: "async", draggable: "false" });
    image.addEventListener("error", missing, { once: true });
    frame.replaceChildren(image);
  };
  load();
  return frame;
}
