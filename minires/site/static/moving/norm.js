"use strict";
/* Batch norm: the three paths from x to y, and what each brings back to the eight values of x. */

moving.drawings.norm = (box, numbers) => {
  const { make, say, choice, steps } = moving;
  const paths = ["direct", "mean", "variance"];
  const titles = { direct: "direct", mean: "via μ", variance: "via σ" };
  let key = Object.keys(numbers.cases)[0];

  // the graph: x on the left, y on the right, and three ways between them
  const ways = {
    direct: "M 52 80 L 208 80",
    mean: "M 44 64 C 64 34 84 26 110 26 M 150 26 C 176 26 198 34 217 62",
    variance: "M 44 96 C 64 126 84 134 110 134 M 150 134 C 176 134 198 126 217 98",
    last: "M 252 80 L 294 80",
  };
  const lines = Object.fromEntries(Object.entries(ways).map(([name, d]) => [name, make("path", { d, class: `way ${name}` })]));
  const node = (x, y, label) =>
    make("g", {}, make("circle", { cx: x, cy: y, r: 18 }), make("text", { x, y: y + 5 }, label));
  const places = [[32, 80, "x"], [130, 26, "μ"], [130, 134, "σ"], [230, 80, "x̂"], [314, 80, "y"]];
  const graph = make(
    "svg",
    {
      viewBox: "0 0 346 160",
      class: "graph",
      role: "img",
      "aria-label": "x reaches x̂ directly, through the mean μ and through the standard deviation σ; x̂ reaches y",
    },
    moving.arrowheads(),
    ...Object.values(lines),
    ...places.map((place) => node(...place)),
  );

  // the numbers: a row each, eight columns; the bars stand above them, in the same columns
  const bars = make("svg", { viewBox: "0 0 80 100", preserveAspectRatio: "none", class: "bars", "aria-hidden": "true" });
  const rows = ["x", "x̂", "y", "dy", ...paths, "dx"];
  const cells = {};
  const table = make("table", { class: "values" });
  for (const row of rows) {
    cells[row] = numbers.x.map(() => make("td"));
    table.append(make("tr", { class: row }, make("th", { scope: "row" }, titles[row] ?? row), ...cells[row]));
  }

  const values = (row) => ({ x: numbers.x, "x̂": numbers.x_hat, y: numbers.y })[row] ?? numbers.cases[key][row];
  const seen = (row, step) => {
    const from = { dy: 1, direct: 2, mean: 3, variance: 4, dx: 5 }[row] ?? 0;
    return step >= from;
  };

  const drawBars = (step) => {
    const shown = paths.filter((path) => seen(path, step));
    const most = Math.max(...["dy", ...paths, "dx"].flatMap(values).map(Math.abs));
    const height = (value) => (45 * value) / most;
    const bar = (at, left, width, value, kind) =>
      make("rect", {
        x: 10 * at + left,
        y: 50 - Math.max(0, height(value)),
        width,
        height: Math.abs(height(value)),
        class: kind,
      });
    bars.replaceChildren(make("line", { x1: 0, x2: 80, y1: 50, y2: 50 }));
    numbers.x.forEach((_, at) => {
      if (step === 1) bars.append(bar(at, 3, 4, values("dy")[at], "dy"));
      shown.forEach((path) => bars.append(bar(at, 1 + 2 * paths.indexOf(path), 1.8, values(path)[at], path)));
      if (seen("dx", step)) bars.append(bar(at, 7, 2.2, values("dx")[at], "dx"));
    });
  };

  const show = (step) => {
    for (const row of rows) {
      cells[row].forEach((cell, at) => (cell.textContent = seen(row, step) ? say(values(row)[at]) : ""));
      cells[row][0].parentElement.classList.toggle("now", { dy: 1, direct: 2, mean: 3, variance: 4, dx: 5 }[row] === step);
    }
    for (const [name, line] of Object.entries(lines)) {
      const on = step === 0 || step === 5 || (name === "last" ? step === 1 : paths.indexOf(name) === step - 2);
      line.classList.toggle("on", on);
      line.classList.toggle("back", step > 0);
    }
    drawBars(step);
  };

  const names = Object.fromEntries(Object.entries(numbers.cases).map(([name, item]) => [name, item.name]));
  box.append(
    choice("dy", names, key, (name) => ((key = name), controls.redraw())),
    make("div", { class: "stage" }, graph, make("div", { class: "aligned" }, bars, table)),
  );
  const controls = steps(box, () => numbers.cases[key].texts, show);
};
