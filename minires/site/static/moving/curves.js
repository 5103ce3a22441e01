"use strict";
/* The sliders: a closed form as a line, and as dots what the library measured when the site was built. */

moving.drawings.curves = (box, numbers) => {
  const { make, say, slider } = moving;
  const { x, sliders } = numbers;
  const both = Object.keys(numbers.cases)[0].includes(","); // do both sliders choose, or is one a point?
  const at = sliders.map((one) => one.start);
  const clip = `clip-${Math.random().toString(36).slice(2)}`;
  const shown = () => numbers.cases[both ? at.join(",") : at[0]];

  // y runs from lowest to highest, in powers of ten if the axis is logarithmic
  const scaled = (value) => (numbers.log ? Math.log10(value) : value);
  const limits = (() => {
    if (numbers.ylim) return numbers.ylim.map(scaled);
    const all = Object.values(numbers.cases).flat().flatMap((one) => [...one.derived, ...one.measured]).map(scaled);
    return [Math.floor(Math.min(...all)), Math.ceil(Math.max(...all))];
  })();
  const ticks = (low, high, most) => {
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n++) found.push(Number((n * step).toPrecision(6)));
    return found;
  };
  const written = (tick) => {
    if (!numbers.log) return say(tick);
    if (Math.abs(tick) < 4) return say(10 ** tick);
    return moving.say(10 ** tick).replace("1.0·", "");
  };

  const svg = make("svg", { class: "chart", role: "img" });
  const draw = () => {
    const width = Math.max(260, Math.min(720, stage.clientWidth));
    const height = Math.round(Math.min(340, Math.max(230, width * 0.55)));
    const [left, right, top, bottom] = [52, 12, 12, 44];
    const across = (value) => left + ((value - x[0]) / (x.at(-1) - x[0])) * (width - left - right);
    const up = (value) => {
      const share = (scaled(value) - limits[0]) / (limits[1] - limits[0]);
      return height - bottom - Math.max(-9, Math.min(9, share)) * (height - top - bottom);
    };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    svg.replaceChildren(
      make("clipPath", { id: clip }, make("rect", { x: left - 9, y: top - 9, width: width - left - right + 18, height: height - top - bottom + 18 })),
    );
    const grid = make("g", { class: "grid" });
    const whole = numbers.log ? ticks(...limits, 6).filter(Number.isInteger) : ticks(...limits, 5);
    for (const tick of whole) {
      const y = up(numbers.log ? 10 ** tick : tick);
      grid.append(make("line", { x1: left, x2: width - right, y1: y, y2: y }));
      grid.append(make("text", { x: left - 6, y: y + 4, class: "end" }, written(tick)));
    }
    for (const tick of ticks(x[0], x.at(-1), width < 420 ? 5 : 8)) {
      if (x.length < 8 && !x.includes(tick)) continue;
      grid.append(make("text", { x: across(tick), y: height - bottom + 17, class: "middle" }, say(tick)));
    }
    grid.append(make("text", { x: (left + width - right) / 2, y: height - 6, class: "middle" }, numbers.xlabel));
    svg.append(grid);
    const inside = make("g", { "clip-path": `url(#${clip})` });
    shown().forEach((series, number) => {
      const [along, heights] = series.curve ? [numbers.curve_x, series.curve] : [x, series.derived];
      const points = along.map((value, i) => `${across(value).toFixed(1)} ${up(heights[i]).toFixed(1)}`);
      inside.append(make("path", { d: `M ${points.join(" L ")}`, class: `curve series${number}` }));
      x.forEach((value, i) => {
        const here = i === place(series);
        const attributes = { cx: across(value), cy: up(series.measured[i]), r: here ? 6.5 : 3.5 };
        inside.append(make("circle", { ...attributes, class: `dot series${number}${here ? " here" : ""}` }));
      });
    });
    svg.append(inside);
    svg.setAttribute("aria-label", `${numbers.ylabel} over ${numbers.xlabel}. ${sentences().join(" ")}`);
  };

  // the point of a series that is read out: where the second slider stands, or the end of its way
  const place = (series) => series.at ?? (both ? x.length - 1 : at[1]);
  const sentences = () => {
    const lines = shown().map((series) => {
      const i = place(series);
      const where = numbers.where.replace("{}", say(x[i]));
      return `${series.name} ${where}: derived ${say(series.derived[i])}, measured ${say(series.measured[i])}.`;
    });
    return numbers.notes ? [...lines, numbers.notes[at.join(",")]] : lines;
  };
  const text = make("div", { class: "text read-out", "aria-live": "polite" });
  const redraw = () => {
    draw();
    text.replaceChildren(
      ...sentences().map((sentence, i) => make("p", { class: i < shown().length ? `key series${i}` : "" }, sentence)),
    );
  };

  const knobs = sliders.map((one, i) => slider(one.name, one.labels, one.start, (value) => ((at[i] = value), redraw())));
  const legend = make("div", { class: "legend" }, make("span", { class: "line" }, "derived"), make("span", { class: "point" }, "measured by minires"));
  const stage = make("div", { class: "stage" }, make("div", { class: "ylabel" }, numbers.ylabel), svg, legend);
  box.append(make("div", { class: "knobs" }, ...knobs.map((knob) => knob.box)), stage, text);
  redraw();
  new ResizeObserver(draw).observe(stage);
};
