"""What the tests ask the kitchen screen in its own language."""

# Tickets with four rows that are wholly inside the window.
WHOLE_TICKETS = """() => [...document.querySelectorAll('kitchen-ticket')].filter((ticket) => {
    const box = ticket.getBoundingClientRect(), items = ticket.querySelector('.ticket-items');
    return box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight
        && items.children.length === 4 && items.scrollHeight <= items.clientHeight;
}).length"""

# What is cut off or scrolls, by name: rows that do not fit, text that is wider than its place, the page.
CUT = """() => {
    const cut = [];
    const { scrollWidth, scrollHeight } = document.documentElement;
    if (scrollWidth > innerWidth || scrollHeight > innerHeight) cut.push('page');
    for (const part of document.querySelectorAll(
        'kitchen-ticket, kitchen-ticket .ticket-items, kitchen-ticket .ticket-blocks'))
        if (part.scrollHeight > part.clientHeight) cut.push('inside ' + part.className);
    for (const each of document.querySelectorAll(
        'kitchen-ticket :is(.ticket-room, .ticket-age, .ticket-flags, .bump-text, .quantity, .allergy-what), '
        + '.tool span, .count dt, .notice-pill span, .page-number')) {
        if (!each.checkVisibility() || each.closest('.visually-hidden')) continue;
        const box = each.getBoundingClientRect(), around = each.parentElement.getBoundingClientRect();
        if (each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline')
            cut.push(each.className + ' ' + each.textContent);
        if (box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < 0)
            cut.push('outside ' + each.className + ' ' + each.textContent);
    }
    return cut;
}"""

# Targets that are smaller than `least`, or nearer to another one than `gap`, by name.
TIGHT = """([selector, least, gap]) => {
    const all = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
    const boxes = all.map((each) => [each, each.getBoundingClientRect()]);
    const tight = boxes
        .filter(([, box]) => box.width < least || box.height < least)
        .map(([each]) => each.className);
    for (const [n, [one, a]] of boxes.entries())
        for (const [other, b] of boxes.slice(n + 1)) {
            const apart = Math.max(b.left - a.right, a.left - b.right, b.top - a.bottom, a.top - b.bottom);
            if (apart < gap) tight.push(one.className + ' ' + other.className + ' ' + apart);
        }
    return tight;
}"""

# Edges of tickets that do not stand out from the page, at three to one.
FAINT_EDGES = """() => {
    const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (color) => parse(color).slice(0, 3)
        .map((each) => each / 255)
        .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, n) => sum + each * [0.2126, 0.7152, 0.0722][n], 0);
    const page = light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll('kitchen-ticket')]
        .map((each) => light(getComputedStyle(each).borderTopColor))
        .map((edge) => (Math.max(edge, page) + 0.05) / (Math.min(edge, page) + 0.05))
        .filter((ratio) => ratio < 3);
}"""

# Things that only a mouse can find: rules for :hover that change anything.
HOVER = """() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .map((rule) => rule.selectorText ?? '').filter((selector) => selector.includes(':hover'))"""

# A device whose clock is five minutes ahead.
SKEW = """
const Real = Date, skew = 5 * 60_000;
globalThis.Date = class extends Real {
  constructor(...given) { if (given.length) super(...given); else super(Real.now() + skew); }
  static now() { return Real.now() + skew; }
};
"""

# Animations of what can be seen that go on and off more than three times a second.
FLASHES = """() => document.getAnimations()
    .map((each) => each.effect.getComputedTiming())
    .filter(({ duration, iterations }) => iterations > 1 && duration < 334).length"""
