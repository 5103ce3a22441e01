"use strict";
/* The moving pictures. This script looks for <div class="moving" data-picture="NAME">, loads what the picture needs
   (its numbers, which minires computed, and the script that draws it), and puts the picture before the text that
   stands in the div, which then folds away. Everything comes from the folder of this script: no network. */

const moving = {
  numbers: {}, // by the name of the picture, from numbers/NAME.js
  drawings: {}, // by the name of the script: a function of (box, numbers)
};

// -- elements and numbers ---------------------------------------------------------------------------------

/* Return an element. Attributes that are functions become listeners: {click: ...}. */
moving.make = (tag, attributes = {}, ...children) => {
  const drawn = ["svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "marker", "clipPath"];
  const element = drawn.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

/* Return a number as a reader writes it: 3, −0.25, 4.8·10⁻⁷. */
moving.say = (value) => {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e5)) {
    return String(size >= 1e4 ? Math.round(value) : Number(value.toPrecision(4))).replace("-", "−");
  }
  const [mantissa, power] = value.toExponential(1).split("e");
  const raised = [...power.replace("+", "")].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
  return `${mantissa.replace("-", "−")}·10${raised}`;
};

moving.vector = (values) => `(${values.map(moving.say).join(", ")})`;

/* Return a matrix of cells with a name above it, and a function that fills it: paint(values, mark). values is a
   list of rows, or null for one that is still empty; mark(row, column) returns the classes of a cell. */
moving.matrix = (name, rows, columns) => {
  const cells = Array.from({ length: rows * columns }, () => moving.make("span", { class: "cell" }));
  const grid = moving.make("div", { class: "cells", role: "img", style: `--columns: ${columns}` }, ...cells);
  const title = moving.make("div", { class: "name" }, name);
  const box = moving.make("div", { class: "matrix" }, title, grid);
  const paint = (values, mark = () => "", newName = name) => {
    title.textContent = newName;
    const written = [];
    cells.forEach((cell, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      const value = values && values[row][column];
      cell.textContent = value === null || value === undefined ? "" : moving.say(value);
      cell.className = `cell ${mark(row, column)}`;
      written.push(cell.textContent || "empty");
    });
    const lines = Array.from({ length: rows }, (_, row) => written.slice(row * columns, (row + 1) * columns).join(" "));
    grid.setAttribute("aria-label", `${newName}: ${lines.join("; ")}`);
  };
  paint(null);
  return { box, paint, cells };
};

/* Return the heads of arrows: CSS puts them at the end of a line, or at its start when the line runs backwards. */
moving.arrowheads = () =>
  moving.make(
    "defs",
    {},
    moving.make(
      "marker",
      { id: "moving-arrow", viewBox: "0 0 8 8", refX: 5, refY: 4, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" },
      moving.make("path", { d: "M 0 0 L 8 4 L 0 8 Z" }),
    ),
  );

// -- controls ---------------------------------------------------------------------------------------------

/* Return a row of buttons of which one is pressed. choices: {key: label}; chosen(key) is called for a new one. */
moving.choice = (label, choices, start, chosen) => {
  const press = (key) => {
    for (const [other, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", other === key);
  };
  const buttons = Object.fromEntries(
    Object.entries(choices).map(([key, text]) => [
      key,
      moving.make("button", { type: "button", click: () => (press(key), chosen(key)) }, text),
    ]),
  );
  press(start);
  const title = moving.make("span", { class: "label", "aria-hidden": "true" }, label);
  return moving.make("div", { class: "choice", role: "group", "aria-label": label }, title, ...Object.values(buttons));
};

/* Return a slider with its label and the value beside it. labels: how each place is written. */
moving.slider = (label, labels, start, moved) => {
  const value = moving.make("output", {}, labels[start]);
  const range = moving.make("input", {
    type: "range",
    min: 0,
    max: labels.length - 1,
    value: start,
    "aria-label": label,
    "aria-valuetext": labels[start],
    input: () => {
      value.textContent = labels[range.value];
      range.setAttribute("aria-valuetext", labels[range.value]);
      moved(Number(range.value));
    },
  });
  const box = moving.make("div", { class: "slider" }, moving.make("span", { "aria-hidden": "true" }, label), range, value);
  return { box, range, value };
};

/* Put the controls of a picture with steps into the box: buttons, a slider, the arrow keys, and the step's text.
   texts() returns the sentences of the steps; show(step) draws one. The result's restart() begins anew. */
moving.steps = (box, texts, show) => {
  let step = 0;
  let clock = null;
  const go = (to) => {
    const last = texts().length - 1;
    step = Math.max(0, Math.min(last, to));
    range.max = last;
    range.value = step;
    range.setAttribute("aria-valuetext", `${step} of ${last}`);
    count.textContent = `${step} / ${last}`;
    back.setAttribute("aria-disabled", step === 0); // not disabled: a disabled button loses the focus
    next.setAttribute("aria-disabled", step === last);
    text.textContent = texts()[step];
    show(step);
    if (step === last) stop();
  };
  const stop = () => {
    clearInterval(clock);
    clock = null;
    play.textContent = "Play";
  };
  const start = () => {
    if (step === texts().length - 1) go(0);
    clock = setInterval(() => go(step + 1), 1600);
    play.textContent = "Stop";
  };
  const by = (change) => (stop(), go(step + change));
  const button = (label, click) => moving.make("button", { type: "button", click }, label);
  const back = button("← Back", () => by(-1));
  const next = button("Next →", () => by(1));
  const play = button("Play", () => (clock === null ? start() : stop()));
  const range = moving.make("input", {
    type: "range",
    min: 0,
    "aria-label": "step",
    input: () => (stop(), go(Number(range.value))),
  });
  const count = moving.make("span", { class: "count", "aria-hidden": "true" });
  const text = moving.make("p", { class: "text", "aria-live": "polite" });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches; // then nothing goes by itself
  const row = moving.make("div", { class: "steps" }, back, range, count, next, ...(still ? [] : [play]));
  box.append(moving.make("div", { class: "controls" }, row, text));
  box.addEventListener("keydown", (event) => {
    const to = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: Infinity }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    stop();
    go(to);
  });
  go(0);
  return { restart: () => by(-Infinity), redraw: () => go(step) };
};

// -- loading ----------------------------------------------------------------------------------------------

(() => {
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const loading = {};
  const load = (file) =>
    (loading[file] ??= new Promise((resolve, reject) => {
      document.head.append(moving.make("script", { src: here + file, load: resolve, error: reject }));
    }));

  const put = async (place) => {
    const name = place.dataset.picture;
    await load(`numbers/${name}.js`);
    const numbers = moving.numbers[name];
    await load(`${numbers.drawn_by}.js`);
    const box = moving.make("div", { class: "picture", role: "group", "aria-label": numbers.label, tabindex: -1 });
    box.append(moving.make("div", { class: "title", "aria-hidden": "true" }, numbers.label));
    const words = moving.make("details", {}, moving.make("summary", {}, "The same in words and as a table"));
    words.append(...place.childNodes);
    place.append(box, words);
    moving.drawings[numbers.drawn_by](box, numbers);
  };

  const all = async () => {
    const places = document.querySelectorAll(".moving[data-picture]");
    if (!places.length) return;
    await new Promise((done) => {
      document.head.append(
        moving.make("link", { rel: "stylesheet", href: `${here}moving.css`, load: done, error: done }),
      );
    });
    await Promise.all([...places].map((place) => put(place).catch((error) => console.error(error))));
    document.documentElement.dataset.moving = "ready"; // for those that wait, such as the tests
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();
