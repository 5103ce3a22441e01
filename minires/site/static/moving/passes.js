"use strict";
/* Five layers: forward down the left side, each layer leaving a cache; backward up the right side, taking it. */

moving.drawings.passes = (box, numbers) => {
  const { make, say, vector, matrix, steps } = moving;
  const count = numbers.names.length;
  const TURN = count + 1; // the step of the loss
  let started = false;

  const sized = (name, values) => matrix(name, values.length, values[0].length);
  const layers = numbers.names.map((name, at) => {
    const kept = Object.entries(numbers.kept[at]).map(([title, values]) => ({ ...sized(title, values), values }));
    const dweight = numbers.dweights[at] && sized("dweight", numbers.dweights[at]);
    const layer = {
      kept,
      dweight,
      output: sized("y", numbers.values[at + 1]),
      gradient: sized("dx", numbers.gradients[at]),
      note: make("span", { class: "note" }),
    };
    layer.cache = make("div", { class: "cache" }, ...kept.map((item) => item.box), layer.note);
    layer.row = make(
      "div",
      { class: "layer" },
      make("div", { class: "side" }, layer.output.box),
      make("div", { class: "middle" }, make("b", {}, name), layer.cache),
      make("div", { class: "side" }, layer.gradient.box, ...(dweight ? [dweight.box] : [])),
    );
    return layer;
  });
  const image = sized("image", numbers.values[0]);
  const loss = make("div", { class: "loss" });
  const held = make("div", { class: "held" });
  const holding = make("span");
  const bar = make("span", { class: "bar" });
  held.append(make("span", {}, "Numbers kept in caches: "), holding, bar);

  const show = (step) => {
    image.paint(numbers.values[0], () => (step === 0 ? "forward" : ""));
    let total = 0;
    layers.forEach((layer, at) => {
      const came = step >= at + 1; // forward has passed
      const back = 2 * count + 1 - at; // the step at which backward passes
      const full = came && step < back;
      const now = step === at + 1 ? "forward" : step === back ? "backward" : "";
      layer.row.classList.toggle("now", now !== "");
      layer.output.paint(came ? numbers.values[at + 1] : null, () => (step === at + 1 ? "forward" : ""));
      layer.gradient.paint(step >= back ? numbers.gradients[at] : null, () => (step === back ? "backward" : ""));
      layer.dweight?.paint(step >= back ? numbers.dweights[at] : null, () => (step === back ? "backward" : ""));
      for (const item of layer.kept) {
        item.box.style.visibility = full || step === back ? "visible" : "hidden"; // it keeps its place
        item.paint(item.values, () => (now ? now : ""));
      }
      const holds = layer.kept.length === 0 && (full || step === back);
      layer.note.textContent = holds ? `shape ${numbers.shape}` : full || step === back ? "" : "empty";
      layer.cache.className = `cache ${step === back ? "taken" : full ? "full" : "empty"}`;
      if (full) total += numbers.remembered[at];
    });
    loss.textContent =
      step >= TURN
        ? `loss ${say(numbers.loss)}, target ${vector(numbers.target)}, dy = y − target = ${vector(numbers.difference)}`
        : "loss: not yet";
    loss.classList.toggle("now", step === TURN);
    holding.textContent = total;
    const most = numbers.remembered.reduce((a, b) => a + b);
    bar.style.width = `${(100 * total) / most}%`;
    // a phone does not show all layers at once
    if (started) (layers[step <= count ? step - 1 : 2 * count + 1 - step]?.row ?? loss).scrollIntoView({ block: "nearest" });
  };

  const heading = ["forward ↓", "layer and its cache", "↑ backward"].map((text) => make("div", {}, text));
  box.append(
    make(
      "div",
      { class: "stage passes" },
      make("div", { class: "heading" }, ...heading),
      make("div", { class: "layer first" }, make("div", { class: "side" }, image.box), held),
      ...layers.map((layer) => layer.row),
      loss,
    ),
  );
  box.classList.add("tall"); // its controls stay in view
  steps(box, () => numbers.texts, show);
  started = true;
};
