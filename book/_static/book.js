// Two things that CSS cannot do: the ledger's search, and a keyboard's way into everything that scrolls sideways.
document.addEventListener("DOMContentLoaded", () => {
  const search = document.getElementById("ledger-search");
  const table = document.getElementById("ledger");
  if (search && table) {
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    const count = document.getElementById("ledger-count");
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = shown === 1 ? "1 claim" : `${shown} claims`;
    };
    search.addEventListener("input", filter);
  }
  // A folded box gets its width when it is opened, and the theme has marked it tabindex="-1" by then.
  const reach = new ResizeObserver((entries) => {
    for (const { target: box } of entries) {
      if (box.scrollWidth > box.clientWidth && box.tabIndex < 0) box.tabIndex = 0;
    }
  });
  const boxes = "div.highlight pre, .cell_output .output, .wide-table, .MathJax, mjx-container[display]";
  for (const box of document.querySelectorAll(boxes)) reach.observe(box);
});
