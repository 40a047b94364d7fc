/**
 * The icons, inside the page itself: a file of symbols would have to be asked for again when an icon first appears,
 * which may be the one that says that the hub cannot be reached.
 */
const SYMBOLS = `<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0" aria-hidden="true">
  <symbol id="icon-plus" viewBox="0 0 24 24"><path d="M12 5v14M5 12h14" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></symbol>
  <symbol id="icon-minus" viewBox="0 0 24 24"><path d="M5 12h14" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></symbol>
  <symbol id="icon-close" viewBox="0 0 24 24"><path d="M6 6l12 12M18 6 6 18" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></symbol>
  <symbol id="icon-back" viewBox="0 0 24 24"><path d="M15 5l-7 7 7 7" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-next" viewBox="0 0 24 24"><path d="M9 5l7 7-7 7" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-check" viewBox="0 0 24 24"><path d="M5 12.5l4.5 4.5L19 7.5" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-tray" viewBox="0 0 24 24"><path d="M3 17h18M5 17a7 7 0 0 1 14 0M12 10V8M10.5 7h3" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/><path d="M4 20h16" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/></symbol>
  <symbol id="icon-clock" viewBox="0 0 24 24"><circle cx="12" cy="12" r="8.5" fill="none" stroke="currentColor" stroke-width="1.7"/><path d="M12 7v5l3.2 2" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
  <symbol id="icon-globe" viewBox="0 0 24 24"><g fill="none" stroke="currentColor" stroke-width="1.5"><circle cx="12" cy="12" r="8.7"/><ellipse cx="12" cy="12" rx="3.8" ry="8.7"/><path d="M3.5 12h17"/></g></symbol>
  <symbol id="icon-recall" viewBox="0 0 24 24"><path d="M5 11a7.2 7.2 0 1 1 1.6 5.6M5 5.5V11h5.5" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-bell" viewBox="0 0 24 24"><path d="M6 16.5c1.2-1.3 1.5-2.8 1.5-6a4.5 4.5 0 0 1 9 0c0 3.2.3 4.7 1.5 6zM10.3 19.5a2 2 0 0 0 3.4 0" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-muted" viewBox="0 0 24 24"><path d="M6 16.5c1.2-1.3 1.5-2.8 1.5-6a4.5 4.5 0 0 1 9 0c0 3.2.3 4.7 1.5 6zM10.3 19.5a2 2 0 0 0 3.4 0M4 4l16 16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-stop" viewBox="0 0 24 24"><circle cx="12" cy="12" r="8.5" fill="none" stroke="currentColor" stroke-width="2"/><path d="M6.2 6.2l11.6 11.6" fill="none" stroke="currentColor" stroke-width="2"/></symbol>
  <symbol id="icon-more" viewBox="0 0 24 24"><g fill="currentColor"><circle cx="12" cy="5.5" r="1.9"/><circle cx="12" cy="12" r="1.9"/><circle cx="12" cy="18.5" r="1.9"/></g></symbol>
  <symbol id="icon-note" viewBox="0 0 24 24"><path d="M4.5 19.5l1-4L16 5l3 3L8.5 18.500z" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round"/></symbol>
  <symbol id="icon-offline" viewBox="0 0 24 24"><path d="M3 9a13 13 0 0 1 18 0M6.3 12.700a8.5 8.5 0 0 1 11.4 0M9.5 16.300a4 4 0 0 1 5 0M4 4l16 16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></symbol>
  <symbol id="icon-door" viewBox="0 0 24 24"><path d="M6 20.500V4.500h12v16M3.5 20.500h17M14.5 12.500v.6" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-sort" viewBox="0 0 24 24"><path d="M7 5v14M4 16l3 3 3-3M13 7h8M13 12h6M13 17h4" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-tablet" viewBox="0 0 24 24"><rect x="5" y="3.500" width="14" height="17" rx="2.2" fill="none" stroke="currentColor" stroke-width="1.7"/><path d="M10.500 17.500h3" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
  <symbol id="icon-screen" viewBox="0 0 24 24"><rect x="3" y="5" width="18" height="11.500" rx="1.8" fill="none" stroke="currentColor" stroke-width="1.7"/><path d="M12 16.500V20M8 20h8" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
  <symbol id="icon-person" viewBox="0 0 24 24"><circle cx="12" cy="8.500" r="3.700" fill="none" stroke="currentColor" stroke-width="1.7"/><path d="M5 20a7 7 0 0 1 14 0" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
  <symbol id="icon-search" viewBox="0 0 24 24"><circle cx="10.500" cy="10.500" r="6" fill="none" stroke="currentColor" stroke-width="1.8"/><path d="M15 15l5 5" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></symbol>
  <symbol id="icon-signout" viewBox="0 0 24 24"><path d="M13 4.500H6v15h7M10.500 12H20M16.500 8.500L20 12l-3.500 3.500" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-guide" viewBox="0 0 24 24"><path d="M12 6.800C10 5 7 4.500 3.500 5v13c3.500-.5 6.500 0 8.500 1.800 2-1.800 5-2.300 8.500-1.800V5C17 4.500 14 5 12 6.800zM12 6.800v13" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/></symbol>
  <symbol id="icon-mobile" viewBox="0 0 24 24"><rect x="7" y="3" width="10" height="18" rx="2.2" fill="none" stroke="currentColor" stroke-width="1.7"/><path d="M11 18h2" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round"/></symbol>
  <symbol id="icon-featured" viewBox="0 0 24 24"><path d="M12 4.500c1.6 2.6 1.6 4.6 0 7.5-1.6-2.9-1.6-4.9 0-7.500zM12 12c2.9-1.6 4.9-1.6 7.5 0-2.6 1.6-4.6 1.6-7.5 0zm0 0c1.6 2.9 1.6 4.9 0 7.5-1.6-2.6-1.6-4.6 0-7.500zm0 0c-2.9 1.6-4.9 1.6-7.5 0 2.6-1.6 4.6-1.6 7.5 0z" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round"/></symbol>
  <symbol id="icon-breakfast" viewBox="0 0 24 24"><path d="M4 17h16M7.5 17a4.5 4.5 0 0 1 9 0M12 6v2.500M5.3 9.300l1.8 1.800M18.7 9.300l-1.8 1.800M6 20h12" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></symbol>
  <symbol id="icon-soup_salad" viewBox="0 0 24 24"><path d="M4 11.500h16a8 8 0 0 1-5 7.200V20H9v-1.300a8 8 0 0 1-5-7.200zM9 8.500c-.8-1.3.8-2 0-3.500M13 8.500c-.8-1.3.8-2 0-3.5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-rice_noodles" viewBox="0 0 24 24"><path d="M4 12.500h16a8 8 0 0 1-5 7V21H9v-1.500a8 8 0 0 1-5-7zM6.5 12.500C7 9.5 9 8 12 8s5 1.5 5.5 4.500M13.5 8 20 3M15.5 8.6 21 5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-main" viewBox="0 0 24 24"><path d="M3.5 17h17M5.5 17a6.5 6.5 0 0 1 13 0M12 10.500V8.500M10.8 7.500h2.400M5 20h14" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></symbol>
  <symbol id="icon-light" viewBox="0 0 24 24"><path d="M4 15.5 12 6l8 9.500zM4 15.500h16V18H4zM8 15.300c1-1.3 2 0 2.7-.8.8-.9 1.9.8 2.9 0 .8-.7 1.7.4 2.4.8" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-dessert" viewBox="0 0 24 24"><path d="M5 9.500h14l-1.7 3.300a6 6 0 0 1-10.6 0zM12 16v4M8.5 20h7M8 9.500a4 4 0 0 1 8 0M12 5.500V4" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-soft" viewBox="0 0 24 24"><path d="M5 10h11.500v5a4.5 4.5 0 0 1-4.5 4.500H9.500A4.5 4.5 0 0 1 5 15zM16.5 11.500H18a2.2 2.2 0 0 1 0 4.500h-1.600M8.5 7c-.7-1.2.7-1.8 0-3M12.5 7c-.7-1.2.7-1.8 0-3" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-alcohol" viewBox="0 0 24 24"><path d="M8.5 4h3v3.500c0 1.2 2 1.8 2 4V19a1.5 1.5 0 0 1-1.5 1.500H8A1.5 1.5 0 0 1 6.5 19v-7.500c0-2.2 2-2.8 2-4zM6.5 13h7M16.2 15.500h4l-.5 4a1.1 1.1 0 0 1-1.1 1h-.8a1.1 1.1 0 0 1-1.1-1z" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-warning" viewBox="0 0 24 24"><path d="M12 3.600 21.400 20H2.600Z" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round"/><path d="M12 9.500v5M12 17.200v.300" fill="none" stroke="currentColor" stroke-width="2.200" stroke-linecap="round"/></symbol>
  <symbol id="icon-list" viewBox="0 0 24 24"><path d="M9 6.500h11M9 12h11M9 17.500h11M4.300 6.500h.200M4.300 12h.200M4.300 17.500h.200" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></symbol>
  <symbol id="icon-settings" viewBox="0 0 24 24"><path d="M4 7.500h9M19 7.500h1M4 16.500h1M11 16.500h9" fill="none" stroke="currentColor" stroke-width="1.800" stroke-linecap="round"/><circle cx="16" cy="7.500" r="2.700" fill="none" stroke="currentColor" stroke-width="1.800"/><circle cx="8" cy="16.500" r="2.700" fill="none" stroke="currentColor" stroke-width="1.800"/></symbol>
  <symbol id="icon-percent" viewBox="0 0 24 24"><path d="M18 6 6 18" fill="none" stroke="currentColor" stroke-width="1.800" stroke-linecap="round"/><circle cx="7.500" cy="7.500" r="2.700" fill="none" stroke="currentColor" stroke-width="1.800"/><circle cx="16.500" cy="16.500" r="2.700" fill="none" stroke="currentColor" stroke-width="1.800"/></symbol>
  <symbol id="icon-print" viewBox="0 0 24 24"><path d="M7 9V4h10v5M7 16H4.500v-5.500A1.500 1.500 0 0 1 6 9h12a1.500 1.500 0 0 1 1.500 1.500V16H17M7 13.500h10V20H7z" fill="none" stroke="currentColor" stroke-width="1.700" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-allergy" viewBox="0 0 24 24"><path d="M12 21V9M12 9c0-2.300 0-4 0-6M12 13c-3 0-4.600-1.600-4.600-4.400C10.400 8.600 12 10 12 13zm0 0c3 0 4.600-1.600 4.600-4.400C13.600 8.600 12 10 12 13zm0 5c-3 0-4.600-1.600-4.600-4.400 3 0 4.600 1.400 4.600 4.400zm0 0c3 0 4.600-1.600 4.600-4.400-3 0-4.600 1.400-4.600 4.400zM12 8.500c-1.600-1-2.200-2.800-1.400-5M12 8.500c1.600-1 2.200-2.800 1.400-5" fill="none" stroke="currentColor" stroke-width="1.400" stroke-linecap="round" stroke-linejoin="round"/></symbol>
  <symbol id="icon-phone" viewBox="0 0 24 24"><path d="M8.300 4.500 10 9 7.900 10.500a11 11 0 0 0 5.600 5.600L15 14l4.500 1.700v2.600a1.700 1.700 0 0 1-1.900 1.700A14.500 14.500 0 0 1 4 6.400 1.700 1.700 0 0 1 5.700 4.500z" fill="none" stroke="currentColor" stroke-width="1.600" stroke-linejoin="round"/></symbol>
  <symbol id="icon-pause" viewBox="0 0 24 24"><circle cx="12" cy="12" r="8.500" fill="none" stroke="currentColor" stroke-width="1.700"/><path d="M10 9v6M14 9v6" fill="none" stroke="currentColor" stroke-width="1.900" stroke-linecap="round"/></symbol>
</svg>`;

const SVG = "http://www.w3.org/2000/svg";

const sheet = new DOMParser().parseFromString(SYMBOLS, "image/svg+xml").documentElement;
sheet.classList.add("icon-sheet");
document.body.append(sheet);

export const hasIcon = (name) => sheet.querySelector(`#icon-${name}`) !== null;

/** An icon that follows the size and colour of the text around it. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  const href = `#icon-${name}`;
  if (svg.firstElementChild.getAttribute("href") !== href) svg.firstElementChild.setAttribute("href", href);
}
