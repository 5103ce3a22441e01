// Makes the pages of the lessons and exercises run: buttons, fields to write in, and what comes out.
//
// Python runs in a worker (worker.js), so a page stays usable while it computes, and Stop works always.
"use strict";

(() => {
  const script = document.currentScript;
  const base = new URL(".", script.src).href;
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

  function make(tag, attributes = {}, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...inside.filter((one) => one !== null));
    return element;
  }

  const button = (text, onclick, more = {}) => make("button", { type: "button", class: "live-button", onclick, ...more }, text);

  // -- the machine: one worker, started when it is first needed --------------------------------------------------

  class Stopped extends Error {}

  class Machine {
    constructor(bar) {
      Object.assign(this, { bar, worker: null, waiting: new Map(), next: 1, generation: 0 });
    }

    async manifest() {
      if (!this.known) {
        const answer = await fetch(`${base}manifest.json`);
        if (!answer.ok) throw new Error(`manifest.json: the server answers ${answer.status}`);
        this.known = await answer.json();
      }
      return this.known;
    }

    ready() {
      this.started ||= this.start().catch((error) => {
        this.end();
        throw error;
      });
      return this.started;
    }

    async start() {
      if (typeof WebAssembly !== "object") throw new Error("this browser has no WebAssembly");
      const manifest = await this.manifest();
      const begun = performance.now();
      this.worker = new Worker(`${base}worker.js`, manifest.module ? { type: "module" } : {});
      this.worker.onmessage = ({ data }) => this.receive(data);
      this.worker.onerror = (event) => {
        event.preventDefault();
        this.fail(new Error(event.message || "the worker's script could not be loaded"));
      };
      await this.send({ do: "start", base, manifest, ...this.choices() });
      this.seconds = (performance.now() - begun) / 1000;
    }

    choices() {
      return { name: document.body.dataset.liveName || "page.py", setting: "fast" };
    }

    send(request, show = () => {}) {
      const id = this.next++;
      return new Promise((done, failed) => {
        this.waiting.set(id, { done, failed, show });
        this.worker.postMessage({ ...request, id });
      });
    }

    receive(data) {
      if (data.status) return this.bar.progress(data.status);
      const request = this.waiting.get(data.id);
      if (!request) return;
      if (data.output) return request.show(data.output);
      this.waiting.delete(data.id);
      if ("failed" in data) request.failed(new Error(data.failed));
      else request.done(data.done);
    }

    fail(error) {
      const waiting = [...this.waiting.values()];
      this.end();
      waiting.forEach(({ failed }) => failed(error));
    }

    end() {
      if (this.worker) this.worker.terminate();
      this.worker = this.started = null;
      this.waiting.clear();
      this.generation++;
    }

    stop() {
      this.fail(new Stopped("stopped"));
    }
  }

  // -- the bar at the bottom of the page -----------------------------------------------------------------------

  class Bar {
    constructor(buttons) {
      this.text = make("span", { class: "live-text", role: "status" });
      this.meter = make("progress", { class: "live-progress", hidden: true, "aria-label": "download" });
      this.stop = button("Stop", () => machine.stop(), { hidden: true });
      this.element = make("div", { class: "live-status", role: "region", "aria-label": "Run this page" },
        ...buttons, this.stop, this.meter, this.text);
      document.body.append(this.element);
      document.body.classList.add("has-live");
    }

    say(text, isError = false) {
      this.text.textContent = text;
      this.element.classList.toggle("live-failed", isError);
    }

    // While Python computes, a clock shows that it does.
    tick(text) {
      clearInterval(this.clock);
      this.meter.hidden = true;
      if (!text) return;
      const begun = performance.now();
      const show = () => this.say(`${text}: ${Math.round((performance.now() - begun) / 1000)} s`);
      show();
      this.clock = setInterval(show, 1000);
    }

    progress({ text, loaded, total }) {
      this.tick(null);
      this.meter.hidden = !total;
      if (total) {
        this.meter.max = total;
        this.meter.value = Math.min(loaded, total);
      }
      const shown = `${text}: ${megabytes(Math.min(loaded, total))} of ${megabytes(total)}`;
      if (!total) this.tick(text);
      else if (shown !== this.text.textContent) this.say(shown);
    }

    busy(is) {
      this.stop.hidden = !is;
      if (!is) this.meter.hidden = true;
      if (!is) this.tick(null);
      this.element.classList.toggle("live-busy", is);
    }
  }

  let bar, machine;
  let queue = Promise.resolve();

  // Do one piece of work after the other, say how it goes, and where it fails.
  function work(task) {
    queue = queue.then(async () => {
      bar.busy(true);
      try {
        await machine.ready();
        const said = await task();
        bar.say(said || "Ready");
      } catch (error) {
        if (error instanceof Stopped) bar.say("Stopped. What was computed is gone; Run begins again.");
        else bar.say(`Python could not run here: ${error.message}`, true);
      }
      bar.busy(false);
    });
    return queue;
  }

  // -- what comes out --------------------------------------------------------------------------------------------

  function show(place, output) {
    if (output.type === "stream") {
      let last = place.lastElementChild;
      if (!last || !last.classList.contains("live-stream")) {
        last = make("pre", { class: "live-stream", tabindex: "0" });
        place.append(last);
      }
      const text = last.textContent + output.text;
      last.textContent = text.replace(/[^\n]*\r(?!\n)/g, ""); // as in a terminal, what is overwritten is gone
    } else if (output.type === "text") {
      place.append(make("pre", { class: "live-value" }, output.text));
    } else if (output.type === "html") {
      const held = make("div", { class: "live-html", tabindex: "0" });
      held.innerHTML = output.html;
      place.append(held);
    } else if (output.type === "png") {
      place.append(make("img", { src: `data:image/png;base64,${output.png}`, alt: output.text }));
    } else if (output.type === "error") {
      const trace = make("details", {}, make("summary", {}, "Where"), make("pre", { tabindex: "0" }, output.trace));
      place.append(make("div", { class: "live-error", role: "alert" }, make("p", {}, output.text), trace));
    }
  }

  // -- a place to write programs in ------------------------------------------------------------------------------

  function editor(text, label, onrun) {
    const area = make("textarea", {
      class: "live-editor", spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off",
      wrap: "off", "aria-label": label,
    });
    const fit = () => (area.rows = Math.min(Math.max(area.value.split("\n").length, 3), 40));
    area.value = text;
    fit();
    area.addEventListener("input", fit);
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) return onrun();
      const line = area.value.slice(0, area.selectionStart).split("\n").pop();
      const deeper = /:\s*(#.*)?$/.test(line) ? "    " : "";
      area.setRangeText(`\n${/^ */.exec(line)[0]}${deeper}`, area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    });
    return area;
  }

  // -- the cells of a lesson ---------------------------------------------------------------------------------------

  // A cell of code of the page: what it shows and where what it prints goes. Questions show nothing of theirs.
  class Cell {
    constructor(kind, source, place) {
      Object.assign(this, { kind, source, place, done: -1, fields: [] });
      if (!place) return;
      this.output = make("div", { class: "live-output", "aria-live": "polite" });
      this.input = place.querySelector("details.code, .cell_input");
      const run = button(kind === "score" ? "How near did I come?" : "Run", () => lesson.run(this));
      if (this.input) this.edit = button("Edit", () => this.open());
      const bar = make("div", { class: "live-buttons" }, run, this.edit || null);
      if (this.input) this.input.after(bar, this.output);
      else place.append(bar, this.output);
    }

    get text() {
      return this.area ? this.area.value : this.source;
    }

    open() {
      this.area = editor(this.source, "Code of this cell", () => lesson.run(this));
      this.area.addEventListener("input", () => (this.done = -1));
      this.input.hidden = true;
      this.input.after(this.area);
      this.area.focus();
      this.edit.replaceWith((this.undo = button("Undo", () => this.close())));
    }

    close() {
      this.area.remove();
      this.area = null;
      this.done = -1;
      this.input.hidden = false;
      this.undo.replaceWith(this.edit);
      this.edit.focus();
    }

    // The outputs made when the page was built stay until there are new ones.
    clear() {
      if (!this.place) return;
      this.place.querySelectorAll(".cell_output").forEach((old) => (old.hidden = true));
      this.output.replaceChildren();
    }
  }

  class Lesson {
    constructor(cells) {
      this.cells = cells;
    }

    // Run a cell, and before it those that have not run yet: it needs what they computed.
    run(last) {
      return work(async () => {
        const upto = this.cells.slice(0, this.cells.indexOf(last) + 1);
        last.done = -1;
        const count = upto.filter((cell) => !this.isDone(cell)).length;
        let ran = 0;
        for (const cell of upto) {
          if (this.isDone(cell)) continue;
          ran++;
          const outcome = await this.execute(cell, `cell ${ran} of ${count}`);
          if (!outcome.ok) return `Stopped at an error, in cell ${this.cells.indexOf(cell) + 1}.`;
        }
        return `Ready: ${count} ${count === 1 ? "cell" : "cells"} in ${this.seconds.toFixed(1)} s.`;
      });
    }

    isDone(cell) {
      return cell.kind === "quiz" || cell.done === machine.generation;
    }

    async execute(cell, which) {
      if (cell.place) cell.place.classList.add("live-running");
      this.seconds = which.startsWith("cell 1 ") ? 0 : this.seconds;
      let first = true;
      try {
        const outcome = await machine.send(
          { do: "run", which, source: cell.text, guesses: cell.fields.map((field) => field.value) },
          (output) => {
            if (first) cell.clear();
            first = false;
            if (cell.place) show(cell.output, output);
            else if (output.type === "error") bar.say(output.text, true);
          },
        );
        if (first) cell.clear();
        this.seconds += outcome.seconds;
        if (outcome.ok) cell.done = machine.generation;
        return outcome;
      } finally {
        if (cell.place) cell.place.classList.remove("live-running");
      }
    }
  }

  let lesson;

  const plain = (text) => text.replace(/\s+$/gm, "").trim();

  // Find each cell of the script on the page, by what it says; of questions, by their order.
  function cellsOnPage(script) {
    const code = [...document.querySelectorAll("div.cell")].filter((cell) => cell.querySelector(".cell_input pre"));
    const asked = [...document.querySelectorAll("div.asks")];
    const says = (cell) => plain(cell.querySelector(".cell_input pre").textContent);
    let before = null;
    return script.cells.map(({ kind, source, questions }) => {
      const places = asked.splice(0, questions);
      let place = null;
      if (kind === "score" && before) before.after((place = make("div", { class: "live-score" })));
      else if (!kind) {
        const found = code.findIndex((cell) => says(cell) === plain(source));
        if (found < 0) throw new Error(`the page is another version than the lesson; it lacks: ${source.slice(0, 60)} ...`);
        [place] = code.splice(0, found + 1).slice(-1);
      }
      before = place || places[places.length - 1] || before;
      const cell = new Cell(kind, source, place);
      if (kind === "predict") cell.fields = places.map((one) => one.querySelector("input"));
      return cell;
    });
  }

  async function startLesson(name) {
    const answer = await fetch(`${base}lessons/${name}.json`);
    if (!answer.ok) throw new Error(`lessons/${name}.json: the server answers ${answer.status}`);
    lesson = new Lesson(cellsOnPage(await answer.json()));
    const last = lesson.cells[lesson.cells.length - 1];
    return [button("Run all", () => lesson.run(last))];
  }

  // -- programs and exercises ------------------------------------------------------------------------------------

  const columns = (place) => Math.max(30, Math.min(96, Math.floor(place.clientWidth / 8.5)));

  // A program in the text that can be changed and run, each by itself.
  function startProgram(place) {
    const code = place.querySelector("pre");
    const source = code.textContent.replace(/\n$/, "");
    const key = `minires ${location.pathname.split("/").pop()} ${place.id}`;
    const run = () => work(async () => {
      output.replaceChildren();
      await machine.send({ do: "restart", ...machine.choices() });
      const { seconds } = await machine.send({ do: "run", source: area.value }, (one) => show(output, one));
      return `Ready: ${seconds.toFixed(1)} s.`;
    });
    const area = editor(stored(key) ?? source, place.dataset.label || "Program", run);
    area.addEventListener("input", () => store(key, area.value));
    const again = button("Begin again", () => {
      area.value = source;
      store(key, null);
      area.dispatchEvent(new Event("input"));
    });
    const output = make("div", { class: "live-output", "aria-live": "polite" });
    place.replaceChildren(area, make("div", { class: "live-buttons" }, button("Run", run), again), output);
  }

  // The file of an exercise, kept in this browser, and its check.
  function startExercise(module) {
    const [, assignment, one] = /^ex(\d)_(\d)_/.exec(module);
    const number = `${assignment}.${one}`;
    const place = document.querySelector("#the-file-to-fill-in div[class*=highlight-]") || document.querySelector("article div[class*=highlight-]");
    const starter = plain(place.querySelector("pre").textContent);
    const key = `minires exercise ${number}`;
    const folder = `assignment-${assignment}`;
    const check = (...options) => work(async () => {
      output.replaceChildren();
      if (machine.handedOut !== machine.generation) {
        await machine.send({ do: "command", words: ["exercise", "start", String(assignment)] });
        machine.handedOut = machine.generation;
      }
      const picture = options.includes("--plot") ? options[options.indexOf("--plot") + 1] : null;
      const { seconds } = await machine.send({
        do: "command", words: ["exercise", "check", folder, number, ...options], picture,
        files: { [`${folder}/${module}.py`]: area.value }, columns: columns(output),
      }, (one) => show(output, one));
      return `Checked in ${seconds.toFixed(1)} s.`;
    });
    const area = editor(stored(key) ?? starter, `The file ${module}.py`, () => check());
    area.addEventListener("input", () => store(key, area.value === starter ? null : area.value));
    const output = make("div", { class: "live-output live-prose", "aria-live": "polite" });
    const again = button("Begin again", () => {
      if (!confirm("Throw away what you have written here?")) return;
      area.value = starter;
      area.dispatchEvent(new Event("input"));
    });
    const hints = [1, 2, 3].map((level) => button(`Hint ${level}`, () => check("--hint", String(level))));
    const picture = button("Picture", () => check("--plot", "error.png"), { title: "where the numbers are wrong" });
    place.replaceWith(
      make("p", { class: "live-note" }, "Or write here, with nothing installed. It is kept in this browser only."), area,
      make("div", { class: "live-buttons" }, button("Check", () => check()), ...hints, picture, again), output);
  }

  function stored(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // a browser that keeps nothing
    }
  }

  function store(key, text) {
    try {
      if (text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      bar.say("This browser keeps nothing: copy your work before you leave.", true);
    }
  }

  // -- the page ----------------------------------------------------------------------------------------------------

  async function startPage() {
    const { lesson: name, exercise: module } = script.dataset;
    const programs = [...document.querySelectorAll(".live-program")];
    if (location.protocol === "file:") {
      bar = new Bar([]);
      bar.say("To run this page, serve its folder: python -m http.server, then open http://localhost:8000");
      return;
    }
    try {
      const buttons = name ? await startLesson(name) : [];
      bar = new Bar(buttons);
      machine = new Machine(bar);
      document.body.dataset.liveName = name ? `${name}.py` : "page.py";
      programs.forEach(startProgram);
      if (module) startExercise(module);
      const { start, minires } = await machine.manifest();
      const size = Object.values(start).reduce((a, b) => a + b, minires);
      const how = name ? " Sizes are small, as with --fast." : "";
      bar.say(`Runs in this page, nothing installed. The first run fetches ${megabytes(size)}.${how}`);
    } catch (error) {
      bar ||= new Bar([]);
      bar.say(`This page cannot run: ${error.message}`, true);
    }
    window.minires = { get lesson() { return lesson; }, get machine() { return machine; }, bar }; // for tests
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startPage);
  else startPage();
})();
