"""What the tests ask a page in its own language."""

# All text that can be seen and is meant to be in the page's language.
VISIBLE = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest('.hotel, :not(html)[lang], .order-note') || !parent.checkVisibility()) continue;
    const text = walker.currentNode.data.trim();
    if (text) texts.push(text);
  }
  for (const element of document.querySelectorAll('[aria-label], [placeholder]'))
    if (element.checkVisibility() && !element.closest(':not(html)[lang]'))
      texts.push(element.ariaLabel ?? '', element.placeholder ?? '');
  return texts;
}"""
# A character is drawn as itself when it differs from the box of a character that no font has.
GLYPHS = """(texts) => {
  const draw = (text, font) => {
    const canvas = new OffscreenCanvas(80, 80), pen = canvas.getContext('2d');
    pen.font = `40px ${font}`;
    pen.fillText(text, 10, 55);
    return pen.getImageData(0, 0, 80, 80).data.join();
  };
  const font = getComputedStyle(document.body).fontFamily;
  const serif = getComputedStyle(document.documentElement).getPropertyValue('--serif');
  return [font, serif].flatMap((each) => {
    const box = draw('\\u{10FFFD}', each), empty = draw(' ', each);
    const pictures = texts.map((text) => draw(text, each));
    return pictures.map((picture, n) =>
      picture !== box && picture !== empty && pictures.indexOf(picture) === n);
  });
}"""

# Text that does not stand out from what lies behind it: below 4.5, or 3 for large text.
# Text on a picture is not judged.
FAINT = """() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, n) => sum + each * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('.hero, :disabled, .leaving')) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio >= (large ? 3 : 4.5)) continue;
    faint.push(`${element.className} ${ratio.toFixed(2)} ${element.textContent}`);
  }
  return faint;
}"""

# Buttons and fields smaller than a finger wants, in pixels.
SMALL = """(least) => [...document.querySelectorAll('button, input:not([type=checkbox]), textarea')]
          .filter((each) => each.checkVisibility())
          .map((each) => [each, each.getBoundingClientRect()])
          .filter(([_, box]) => box.height < least || box.width < least)
          .map(([each]) => each.className + ' ' + each.textContent)"""

# Where every ticket is: order -> [x, y, width, height].
BOXES = """() => Object.fromEntries([...document.querySelectorAll('kitchen-ticket')].map((each) => {
          const { x, y, width, height } = each.getBoundingClientRect();
          return [each.dataset.order, [x, y, width, height]];
        }))"""

# The same at the moment when a ticket begins to leave; null when none does for fifteen seconds.
WHEN_LEAVING = f"""() => new Promise((told) => {{
          const look = () => document.querySelector('kitchen-ticket.leaving')
            ? told(({BOXES})()) : requestAnimationFrame(look);
          look();
          setTimeout(told, 15000, null);
        }})"""
