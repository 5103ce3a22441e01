// What scrolls sideways can be reached, and scrolled, with the keyboard.
const BOXES = ".highlight pre, .table-wrapper, .text_html, .formula, article p, article li, article dd";

function reach() {
  for (const box of document.querySelectorAll(BOXES)) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto";
    if (scrolls) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

reach();
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true); // what was closed has had no width
