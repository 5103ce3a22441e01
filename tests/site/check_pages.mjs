// Looks at every page of a site in Chromium, at two widths, light and dark:
//   node check_pages.mjs FOLDER [PAGE ...]    CHROMIUM: the browser; NODE_PATH's parent has puppeteer-core and axe-core
// Prints a line of JSON for each thing that is wrong: {page, width, scheme, what, where}.
import { createRequire } from "node:module";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.MINIRES_NODE_MODULES, "x.js"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [1280, 375];
const SERIOUS = ["serious", "critical"];

const folder = resolve(process.argv[2]);
const files = (at) =>
  readdirSync(at).flatMap((name) => {
    const path = join(at, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
let pages = files(folder).filter((path) => path.endsWith(".html")).sort();
if (process.argv.length > 3) pages = process.argv.slice(3).map((name) => join(folder, name));

const report = (found) => console.log(JSON.stringify(found));

function look() {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = [...document.body.querySelectorAll("*")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.right > root.clientWidth + 1 && box.width > 0;
    });
    found.push(["the page is wider than the window", (wide.at(-1) || root).outerHTML.slice(0, 200)]);
  }
  for (const image of document.images) {
    if (!image.hasAttribute("alt") || ["figure", "image"].includes(image.alt.trim()))
      found.push(["an image without words", image.outerHTML.slice(0, 200)]);
    if (image.complete && image.naturalWidth === 0) found.push(["an image that is not there", image.src]);
  }
  for (const box of document.querySelectorAll("pre, .table-wrapper, .formula, .output")) {
    if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "visible" && box.clientWidth > 0)
      found.push(["a box that lets its content out", box.outerHTML.slice(0, 200)]);
  }
  for (const merror of document.querySelectorAll("merror, .katex-error"))
    found.push(["a formula that is not set", merror.outerHTML.slice(0, 200)]);
  const article = document.querySelector("article");
  if (article) {
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      if (/\$[^$\n]*\\[a-z]+[^$\n]*\$/.test(node.data) && !node.parentElement.closest("pre, code, script, style"))
        found.push(["a formula left as LaTeX", node.data.slice(0, 100)]);
    }
  }
  return found;
}

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"],
});
for (const scheme of ["light", "dark"]) {
  for (const width of WIDTHS) {
    const tab = await browser.newPage();
    await tab.setViewport({ width, height: 900 });
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    let page;
    const say = (what, where) => report({ page: relative(folder, page), width, scheme, what, where });
    tab.on("request", (request) => {
      if (!/^(file|data|blob|about):/.test(request.url())) say("a request to elsewhere", request.url());
    });
    tab.on("requestfailed", (request) => say("a request that failed", request.url()));
    tab.on("pageerror", (error) => say("an error of a script", String(error)));
    for (page of pages) {
      await tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
      for (const [what, where] of await tab.evaluate(look)) say(what, where);
      await tab.evaluate(axe);
      const { violations } = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      for (const violation of violations.filter((each) => SERIOUS.includes(each.impact)))
        for (const node of violation.nodes.slice(0, 3))
          say(`axe: ${violation.id}`, `${node.target} ${node.any.map((each) => each.message).join("; ").slice(0, 300)}`);
    }
    await tab.close();
  }
}
await browser.close();
console.log(JSON.stringify({ looked: pages.length }));
