// What one rendered page looks like, as plain data. Runs in the page; checks.py judges the result.
() => {
  const content = document.querySelector("article.bd-article") || document.querySelector("main") || document.body;
  const clean = (text) => text.replace(/\s+/g, " ").trim();
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const clips = (element) => getComputedStyle(element).overflowX !== "visible";
  const name = (element) => {
    const id = element.id ? "#" + element.id : "";
    return element.tagName.toLowerCase() + id + [...element.classList].map((word) => "." + word).join("");
  };

  const math = [...document.querySelectorAll(".math")].map((element) => ({
    text: clean(element.textContent).slice(0, 120),
    typeset: element.querySelector("mjx-container") !== null,
  }));
  // MathJax shows a failed formula as an merror, and an unknown macro as red text (mathcolor in its MathML).
  const mathErrors = [
    ...document.querySelectorAll("mjx-merror, [data-mjx-error], mjx-assistive-mml mtext[mathcolor='red']"),
  ].map((element) => element.getAttribute("data-mjx-error") || clean(element.textContent));

  // Delimiters that MathJax left in the prose; code may hold them.
  const rawMath = [];
  const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const skipped = node.parentElement.closest("pre, code, script, style, textarea, mjx-container");
    if (!skipped && /\\\(|\\\[|\$\$/.test(node.data)) rawMath.push(clean(node.data).slice(0, 120));
  }

  const images = [...document.images].map((image) => ({
    src: image.getAttribute("src") || "",
    alt: image.getAttribute("alt"),
    loaded: image.complete && image.naturalWidth > 0,
    inContent: content.contains(image),
  }));

  // An element inside a scroll container or a clipped box cannot widen the page.
  const root = document.scrollingElement;
  const insideScroller = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (box !== root && clips(box)) return true;
    }
    return false;
  };
  const wide = [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1)
    .filter((element) => seen(element) && !insideScroller(element))
    .sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)
    .slice(0, 6)
    .map((element) => `${name(element)} ends at ${Math.round(element.getBoundingClientRect().right)} px`);

  return {
    dataTheme: document.documentElement.dataset.theme || "",
    lang: document.documentElement.lang,
    title: clean(document.title),
    h1: [...document.querySelectorAll("h1")].filter(seen).map((h1) => clean(h1.textContent)),
    // Chromium opens these connections itself, past the request interception.
    hints: [...document.querySelectorAll("link[rel~='preconnect'], link[rel~='dns-prefetch'], link[rel~='prefetch']")]
      .map((link) => link.href)
      .filter((href) => !/^(file|data|blob):/.test(href)),
    math,
    mathErrors,
    rawMath,
    images,
    scrollWidth: root.scrollWidth,
    clientWidth: root.clientWidth,
    wide,
  };
}
