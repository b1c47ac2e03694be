// axe-core's violations inside the content of a page. The page is used up: most of its code is gone afterwards.
async () => {
  const content = document.querySelector("article.bd-article") || document.querySelector("main") || document.body;
  // preload: axe would fetch the stylesheets again, which a page opened from disk may not do.
  const options = { resultTypes: ["violations"], preload: false };
  const rules = { "color-contrast": { enabled: false } };
  const { violations } = await axe.run(content, { ...options, rules });

  // Contrast takes axe a millisecond per element and a chapter has ten thousand code tokens, in a dozen colours.
  // Of the tokens that look alike, on backgrounds that look alike, the longest stands for all;
  // it must not be the first, because axe judges no single character.
  const grounds = new Map();
  const ground = (pre) => {
    if (!grounds.has(pre)) {
      const colours = [];
      for (let box = pre; box; box = box.parentElement) {
        const { backgroundColor, backgroundImage, opacity } = getComputedStyle(box);
        colours.push(backgroundColor, backgroundImage, opacity);
      }
      grounds.set(pre, colours.join());
    }
    return grounds.get(pre);
  };
  const tokens = [...content.querySelectorAll("pre span")].filter((token) => token.childElementCount === 0);
  const longest = new Map();
  for (const token of tokens) {
    const { color, backgroundColor, fontSize, fontWeight, opacity } = getComputedStyle(token);
    const own = getComputedStyle(token.parentElement);
    const look = [color, backgroundColor, fontSize, fontWeight, opacity, own.backgroundColor, own.opacity];
    const key = [...look, ground(token.closest("pre"))].join("|");
    const known = longest.get(key);
    if (!known || known.textContent.length < token.textContent.length) longest.set(key, token);
  }
  const kept = new Set(longest.values());
  for (const token of tokens) if (!kept.has(token)) token.remove();

  const contrast = await axe.run(content, { ...options, runOnly: ["color-contrast"] });
  return [...violations, ...contrast.violations];
}
