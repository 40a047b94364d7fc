"""What the tests ask the guest's page in its own language."""

# Japanese where the page is English, in every visible text and every name that is read aloud; but what says
# its `lang` may.
MIXED = """() => {
  const japanese = /[\\u3040-\\u30ff\\u3400-\\u9fff]/, found = [];
  const own = (element) => !element.closest(':not(html)[lang=ja]');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (!japanese.test(data) || !own(parentElement) || !parentElement.checkVisibility()) continue;
    found.push(data);
  }
  for (const element of document.querySelectorAll('[aria-label], [placeholder], [alt], [title]'))
    for (const name of ['aria-label', 'placeholder', 'alt', 'title']) {
      const text = element.getAttribute(name) ?? '', button = element.closest('.language');
      if (japanese.test(text) && own(element) && !button && element.checkVisibility()) found.push(text);
    }
  return found;
}"""

# Headings and names whose lines end inside a word, or leave one letter alone.
TORN = """() => {
  const words = new Intl.Segmenter('ja', { granularity: 'word' }), torn = [];
  for (const element of document.querySelectorAll('h1, h2, h3, .attract-greeting, .received-title, legend')) {
    if (!element.checkVisibility()) continue;
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let lines = 1, line = '', top = null, offset = 0;
    while (walker.nextNode()) {
      const node = walker.currentNode, text = node.data;
      const ends = new Set([...words.segment(text)].map(({ index }) => index));
      for (let n = 0; n < text.length; n += 1) {
        const range = document.createRange();
        range.setStart(node, n);
        range.setEnd(node, n + 1);
        const box = range.getClientRects()[0];
        if (!box || !text[n].trim()) continue;
        if (top !== null && box.top > top + box.height / 2) {
          lines += 1;
          if (!ends.has(n)) torn.push(`${text.slice(0, n)}|${text.slice(n)}`);
          if (line.trim().length < 2) torn.push(`${line}| alone`);
          line = '';
        }
        line += text[n];
        top = box.top;
      }
    }
    if (lines > 1 && line.trim().length < 2) torn.push(`alone |${line}`);
  }
  return torn;
}"""

# Text that does not fit where it stands: cut off, or out of the window sideways.
CUT = """() => {
  const cut = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) cut.push(`page ${wide}`);
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const elsewhere = element.closest('.visually-hidden, .sections, .slots');
    if (!own || elsewhere || !element.checkVisibility()) continue;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const hides = style.overflow !== 'visible' && element.scrollWidth > element.clientWidth + 1;
    const outside = (box.right > innerWidth + 1 || box.left < -1) && !element.closest('filter-bar');
    if (hides || outside) cut.push(`${element.className} ${element.textContent.trim().slice(0, 40)}`);
  }
  return cut;
}"""

# Everything that can be touched: what is smaller than a finger wants. A box counts with its label, the
# name of a dish with its card.
TARGETS = """(least) => [...document.querySelectorAll('button, input, textarea, select, a[href]')]
  .filter((each) => each.checkVisibility() && !each.closest('[inert]'))
  .map((each) => (/checkbox|radio/.test(each.type) ? each.closest('.check, .choice') ?? each : each))
  .map((each) => (each.matches('.dish-open') ? each.closest('.dish') : each))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 0 && (height < least - 0.5 || width < least - 0.5))
  .map(([each, { width, height }]) => `${each.className} ${width}x${height} ${each.textContent}`)"""

# Text smaller than `least` pixels.
TINY = """(least) => [...document.querySelectorAll('body *')]
  .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .filter((each) => each.checkVisibility() && !each.closest('.visually-hidden'))
  .filter((each) => parseFloat(getComputedStyle(each).fontSize) < least)
  .map((each) => `${each.className} ${getComputedStyle(each).fontSize} ${each.textContent.slice(0, 30)}`)"""

# Whether what has the focus shows it.
FOCUS = """() => {
  const element = document.activeElement;
  const seen = [element, element.closest('.choice, .check')].filter(Boolean)
    .flatMap((each) => [getComputedStyle(each), getComputedStyle(each, '::after')])
    .some((style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
  const box = element.getBoundingClientRect();
  return { seen, name: element.getAttribute('aria-label') ?? element.textContent.trim(), tag: element.tagName,
    inside: box.bottom > 0 && box.top < innerHeight };
}"""

# Collects every shift of the page's layout that no touch has caused.
WATCH_SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value);
}).observe({ type: 'layout-shift', buffered: true });
"""

# Nothing on the page is on its way to another place or colour; for `Screen.becomes`.
STILL = "document.getAnimations().length === 0"

# Notes when the first dish stood on the page, in ms after the files of the page had come.
WATCH_MENU = """
new MutationObserver((_, observer) => {
  if (!document.querySelector('dish-card h3')) return;
  observer.disconnect();
  requestAnimationFrame(() => {
    const files = performance.getEntriesByType('resource').filter(({ name }) => /(js|css)$/.test(name));
    globalThis.firstDishMs = performance.now() - Math.max(...files.map(({ responseEnd }) => responseEnd));
  });
}).observe(document, { childList: true, subtree: true });
"""
