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

# Waits until five pictures in a row have everything at the same place, in a colour that stays: a grid is
# laid out again in the picture after that in which its own place has changed.
DRAWN = """async () => {
    const place = ({ dataset, offsetLeft, offsetTop, offsetWidth, offsetHeight }) =>
        [dataset.key, offsetLeft, offsetTop, offsetWidth, offsetHeight].join(' ');
    const places = () => [...document.querySelectorAll('body *')].map(place).join();
    const turning = () => document.getAnimations().some((each) => each instanceof CSSTransition);
    for (let same = 0, last = ''; same < 5; ) {
        await new Promise(requestAnimationFrame);
        const now = places();
        same = now === last && !turning() ? same + 1 : 0;
        last = now;
    }
}"""

# Nothing that was done on the screen waits for the hub's answer; for `Screen.becomes`.
ANSWERED = "localStorage.getItem('hub.kitchen.outbox') === '[]'"

# Begins to look, and keeps in `window.said` what stands above everything, which goes by itself.
SAID = """() => {
    const toast = document.querySelector('#toast');
    window.said = [];
    toast.addEventListener('toggle', ({ newState }) => {
        if (newState === 'open') window.said.push(toast.textContent);
    });
}"""

# Begins to look, and keeps in `window.offered` for how many ms the next undo was there.
OFFERED = """() => {
    const undo = document.querySelector('.undo');
    let since = null;
    new MutationObserver(() => {
        if (!undo.hidden) since ??= performance.now();
        else if (since !== null) window.offered ??= performance.now() - since;
    }).observe(undo, { attributes: true, attributeFilter: ['hidden'] });
}"""

# Begins to look, and keeps in `window.lostAt` when the bar said that the line is lost; tells when it began,
# in ms.
LOST_AT = """() => {
    const bar = document.querySelector('top-bar');
    new MutationObserver(() => { if (bar.dataset.link === 'lost') window.lostAt ??= Date.now(); })
        .observe(bar, { attributes: true, attributeFilter: ['data-link'] });
    return Date.now();
}"""

# Begins to look at an element, and keeps in `window.inerted` that it could not be touched for a while.
INERTED = """(each) => {
    window.inerted = false;
    new MutationObserver(() => { window.inerted ||= each.inert; })
        .observe(each, { attributes: true, attributeFilter: ['inert'] });
}"""

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

# Begins to look, and keeps in `window.flashes` how much flashes when a ticket glows that was not there
# before.
GLOWING = f"""() => {{
    const all = () => [...document.querySelectorAll('kitchen-ticket')];
    const known = new Set(all().map((each) => each.dataset.order));
    const isNew = (each) => !known.has(each.dataset.order);
    const glows = (each) => each.matches('.fresh') && each.checkVisibility();
    const look = () => {{
        if (all().filter(isNew).some(glows)) window.flashes = ({FLASHES})();
        else requestAnimationFrame(look);
    }};
    look();
}}"""
