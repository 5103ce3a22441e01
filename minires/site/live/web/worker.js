// Runs Python beside the page: a worker of either kind, so that it works with every Pyodide and on every plain host.
//
// The page sends {id, do, ...}; the worker answers with any number of {id, output} and one {id, done} or {id, failed},
// and says on the way {status: {text, loaded, total}}.
"use strict";

let pyodide, session, main, manifest, base;
const FIGURE = /\bplot\.|\blesson\.show\b|\bmatplotlib\b|\bplt\b/; // what a cell that draws has in it
let counted = { text: "", loaded: 0, total: 0 };

function say(text, total = 0) {
  counted = { text, loaded: 0, total };
  postMessage({ status: counted });
}

// Every answer is counted while it arrives: Pyodide fetches its files itself and does not say how far it is.
// And where a file is missing it waits for ever: `lost` fails then.
const fetchPlain = self.fetch.bind(self);
let lose;
const lost = new Promise((_, reject) => (lose = reject));
lost.catch(() => {});
self.fetch = async (...request) => {
  const name = String(request[0].url || request[0]).split("/").pop();
  const answer = await fetchPlain(...request).catch((error) => {
    lose(new Error(`${name} cannot be fetched: ${error.message}`));
    throw error;
  });
  if (!answer.ok) lose(new Error(`${name}: the server answers ${answer.status}`));
  if (!answer.ok || !answer.body) return answer;
  const count = new TransformStream({
    transform(chunk, controller) {
      counted.loaded += chunk.byteLength;
      if (counted.total) postMessage({ status: counted });
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = answer;
  return new Response(answer.body.pipeThrough(count), { status, statusText, headers });
};

const sum = (sizes) => Object.values(sizes).reduce((a, b) => a + b, 0);

async function fetched(name) {
  return (await fetch(new URL(name, base))).arrayBuffer();
}

async function loader() {
  const folder = new URL("pyodide/", base).href;
  if (manifest.module) return (await import(`${folder}pyodide.mjs`)).loadPyodide;
  importScripts(`${folder}pyodide.js`);
  return loadPyodide;
}

async function start(request) {
  ({ base, manifest } = request);
  const scripts = Object.keys(manifest.start).filter((name) => /\.m?js$/.test(name)); // are not fetched but run
  const total = sum(manifest.start) + manifest.minires - scripts.reduce((t, name) => t + manifest.start[name], 0);
  say("Fetching Python", total);
  const loadPyodide = await loader();
  const quiet = { stdout: () => {}, stderr: (line) => console.warn(line) };
  const python = loadPyodide({ indexURL: new URL("pyodide/", base).href, packages: ["numpy"], ...quiet });
  const [made, zip] = await Promise.race([lost, Promise.all([python, fetched("minires.zip")])]);
  say("Starting Python");
  pyodide = made;
  const site = pyodide.runPython("import site; site.getsitepackages()[0]");
  pyodide.unpackArchive(zip, "zip", { extractDir: site });
  main = pyodide.runPython("from minires.cli import main; main");
  await restart(request);
}

async function restart({ name, setting }) {
  const begin = pyodide.runPython("from minires.site.live.session import start; start");
  session = begin.callKwargs((text) => postMessage({ id: current, output: JSON.parse(text) }), { name, setting });
}

let figures = false;
async function loadFigures() {
  if (figures) return;
  say("Fetching what draws figures", sum(manifest.figures));
  await Promise.race([lost, pyodide.loadPackage("matplotlib", { messageCallback() {} })]);
  say("Preparing to draw");
  pyodide.runPython("import matplotlib; matplotlib.use('agg'); import matplotlib.font_manager"); // it looks for fonts
  figures = true;
}

async function run({ source, guesses, which }) {
  if (FIGURE.test(source)) await loadFigures();
  say(which ? `Running ${which}` : "Running");
  return session.run(source, pyodide.toPy(guesses || []));
}

async function command({ words, files, columns, picture }) {
  if (picture) await loadFigures();
  say("Running");
  const outcome = session.command(main, pyodide.toPy(words), pyodide.toPy(files || {}), columns || 80);
  if (picture) session.picture(picture);
  return outcome;
}

let current = 0;
let before = Promise.resolve(); // one request after the other
const tasks = { start, restart, run, command };
onmessage = ({ data }) => {
  before = before.then(async () => {
    current = data.id;
    try {
      const outcome = await tasks[data.do](data);
      const done = outcome ? outcome.toJs({ dict_converter: Object.fromEntries }) : {};
      postMessage({ id: data.id, done });
    } catch (error) {
      postMessage({ id: data.id, failed: String((error && error.message) || error) });
    }
  });
};
