"use strict";
/* im2col: the window of a step, its column, and the output; backwards the columns that are added onto the pixels. */

moving.drawings.im2col = (box, numbers) => {
  const { make, matrix, choice, steps } = moving;
  let way = "forward";
  const image = matrix("x", 4, 4);
  const weight = matrix("w", 2, 2);
  const output = matrix("y", 3, 3);
  const dweight = matrix("dw", 2, 2);
  const column = matrix("w", 4, 1); // the weights once more, each beside its row of the columns
  const columns = matrix("columns", 4, 9);
  const sums = matrix("y = w · columns", 1, 9);
  const asColumn = numbers.weight.flat().map((value) => [value]);

  const inThree = (values) => [values.slice(0, 3), values.slice(3, 6), values.slice(6, 9)];
  const inFour = (values) => [0, 4, 8, 12].map((at) => values.slice(at, at + 4));
  const filled = (rows, upTo) => rows.map((row) => row.map((value, at) => (at < upTo ? value : null)));

  const draw = {
    forward: (step) => {
      const now = step >= 1 && step <= 9 ? step - 1 : -1;
      const window = now < 0 ? [] : numbers.places[now];
      const lit = (_, at) => (at === now ? "forward" : "");
      image.paint(numbers.x, (row, at) => (window.includes(4 * row + at) ? "forward" : ""), "x");
      weight.paint(numbers.weight, () => (now < 0 ? "" : "weight"));
      output.paint(inThree(filled([numbers.y.flat()], step)[0]), (row, at) => lit(0, 3 * row + at), "y");
      column.paint(asColumn, () => (now < 0 ? "" : "weight"));
      columns.paint(filled(numbers.columns, step), lit, "columns of x");
      sums.paint(filled([numbers.y.flat()], step), lit, "y = w · columns");
    },
    backward: (step) => {
      const now = step >= 1 && step <= 9 ? step - 1 : -1;
      const window = now < 0 ? [] : numbers.places[now];
      const before = numbers.growing[Math.max(0, now)];
      const lit = (_, at) => (at === now ? "backward" : at < now || step > 9 ? "done" : "");
      const mark = (row, at) => {
        const pixel = 4 * row + at;
        if (!window.includes(pixel)) return "";
        return before[pixel] !== 0 ? "backward met" : "backward";
      };
      image.paint(inFour(numbers.growing[Math.min(9, step)]), mark, "dx");
      weight.paint(numbers.weight, () => (now < 0 ? "" : "weight"));
      output.paint(numbers.dy, (row, at) => lit(0, 3 * row + at), "dy");
      column.paint(asColumn, () => (now < 0 ? "" : "weight"));
      columns.paint(numbers.dcolumns, lit, "gradient of the columns");
      sums.paint([numbers.dy.flat()], lit, "dy");
      dweight.paint(step > 9 ? numbers.dweight : null, () => (step > 9 ? "backward" : ""));
    },
    pixel: (step) => {
      const holds = (row, at) => numbers.places[at][row] === step;
      const window = (at) => numbers.places[at].includes(step);
      image.paint(numbers.dx, (row, at) => (4 * row + at === step ? "backward met" : ""), "dx");
      weight.paint(numbers.weight);
      output.paint(numbers.dy, (row, at) => (window(3 * row + at) ? "backward" : ""), "dy");
      column.paint(asColumn);
      columns.paint(numbers.dcolumns, (row, at) => (holds(row, at) ? "backward met" : ""), "gradient of the columns");
      sums.paint([numbers.dy.flat()], (_, at) => (window(at) ? "backward" : ""), "dy");
    },
  };
  const show = (step) => {
    dweight.box.hidden = way !== "backward";
    draw[way](step);
  };
  const names = { forward: "Forward: im2col", backward: "Backward: col2im", pixel: "One pixel" };
  box.append(
    choice("Show", names, way, (key) => ((way = key), controls.restart())),
    make(
      "div",
      { class: "stage" },
      make("div", { class: "side-by-side" }, image.box, make("div", { class: "stacked" }, weight.box, dweight.box), output.box),
      make("div", { class: "laid-out" }, column.box, columns.box, make("span"), sums.box),
    ),
  );
  const controls = steps(box, () => numbers.ways[way], show);
};
