"use strict";
/* A residual block: forward down both paths, backward up both paths, and the sum of two gradients at the top. */

moving.drawings.plus = (box, numbers) => {
  const { make, vector, steps } = moving;
  const on = { shortcut: true, branch: true };
  const name = () => {
    if (on.shortcut) return on.branch ? "both" : "silent branch";
    return on.branch ? "no shortcut" : "neither";
  };

  // edges: where they run, the step that lights them forward and backward, and the number beside them
  const LEFT = 118;
  const RIGHT = 268;
  const edges = {
    in: { d: `M ${LEFT} 44 L ${LEFT} 74`, forward: 1, backward: 8 },
    first: { d: `M ${LEFT} 108 L ${LEFT} 138`, forward: 2, backward: 7 },
    relu: { d: `M ${LEFT} 172 L ${LEFT} 202`, forward: 3, backward: 6 },
    branch: { d: `M ${LEFT} 236 L ${LEFT} 271`, forward: 4, backward: 5 },
    shortcut: { d: `M ${LEFT + 20} 30 L ${RIGHT} 30 L ${RIGHT} 287 L ${LEFT + 18} 287`, forward: 4, backward: 5 },
    out: { d: `M ${LEFT} 303 L ${LEFT} 332`, forward: 4, backward: 5 },
  };
  for (const edge of Object.values(edges)) edge.line = make("path", { d: edge.d, class: "edge" });

  // labels: (value's name, first step at which it is there, x, y, forward or backward)
  const labels = [
    ["x", 0, LEFT - 22, 34, "forward end"],
    ["h", 1, LEFT - 10, 128, "forward end"],
    ["r", 2, LEFT - 10, 192, "forward end"],
    ["branch", 3, LEFT - 10, 257, "forward end"],
    ["x", 4, RIGHT - 8, 150, "forward end", "shortcut"],
    ["y", 4, LEFT - 10, 324, "forward end"],
    ["dy", 5, LEFT + 10, 324, "backward"],
    ["dy", 5, LEFT + 10, 257, "backward"],
    ["dx_shortcut", 5, RIGHT - 8, 172, "backward end", "shortcut"],
    ["dr", 6, LEFT + 10, 192, "backward"],
    ["dh", 7, LEFT + 10, 128, "backward"],
    ["dx_branch", 8, LEFT + 10, 64, "backward"],
    ["dx", 9, LEFT + 30, 4, "backward sum"],
  ].map(([value, from, x, y, kind, part]) => {
    return { value, from, part, text: make("text", { x, y, class: `number ${kind}` }) };
  });

  const box4 = (y, label) =>
    make("g", {}, make("rect", { x: LEFT - 46, y, width: 92, height: 34, rx: 6 }), make("text", { x: LEFT, y: y + 22 }, label));
  const second = box4(202, "W₂");
  const round = (y, r, label) =>
    make("g", {}, make("circle", { cx: LEFT, cy: y, r }), make("text", { x: LEFT, y: y + 6 }, label));
  const off = make("text", { x: RIGHT + 8, y: 110, class: "off" }, "off");
  const svg = make(
    "svg",
    { viewBox: "0 -8 340 364", class: "graph block", role: "img" },
    moving.arrowheads(),
    ...Object.values(edges).map((edge) => edge.line),
    round(30, 16, "x"),
    box4(74, "W₁"),
    box4(138, "ReLU"),
    second,
    round(287, 16, "+"),
    make("text", { x: LEFT, y: 350 }, "y"),
    off,
    ...labels.map((label) => label.text),
  );

  const show = (step) => {
    const shown = numbers.cases[name()];
    const value = (label) => ({ x: numbers.x, dy: numbers.dy })[label] ?? shown[label];
    const spoken = [];
    for (const { value: label, from, part, text } of labels) {
      const there = step >= from && (part !== "shortcut" || on.shortcut);
      const written = label === "dx" && on.shortcut
        ? `dx = ${vector(shown.dx_branch)} + ${vector(shown.dx_shortcut)} = ${vector(shown.dx)}`
        : `${label === "dx" ? "dx = " : ""}${vector(value(label))}`;
      text.textContent = there ? written : "";
      text.classList.toggle("now", step === from);
      if (there) spoken.push(`${label.replace("_", " of the ")} ${vector(value(label))}`);
    }
    for (const [where, edge] of Object.entries(edges)) {
      edge.line.classList.toggle("forward", step === edge.forward || (where === "shortcut" && step === 4));
      edge.line.classList.toggle("backward", step === edge.backward || (step === 9 && (where === "in" || where === "shortcut")));
    }
    edges.shortcut.line.classList.toggle("cut", !on.shortcut);
    off.textContent = on.shortcut ? "" : "off";
    second.classList.toggle("silent", !on.branch);
    second.lastChild.textContent = on.branch ? "W₂" : "W₂ = 0";
    svg.setAttribute("aria-label", `The block. ${spoken.join("; ")}`);
  };

  const toggle = (part, label) => {
    const button = make(
      "button",
      {
        type: "button",
        "aria-pressed": true,
        click: () => {
          on[part] = !on[part];
          button.setAttribute("aria-pressed", on[part]);
          controls.redraw();
        },
      },
      label,
    );
    return button;
  };
  box.append(
    make(
      "div",
      { class: "choice", role: "group", "aria-label": "Switch on and off" },
      make("span", { class: "label", "aria-hidden": "true" }, "On or off:"),
      toggle("shortcut", "shortcut"),
      toggle("branch", "weights W₂"),
    ),
    make("div", { class: "stage" }, svg),
  );
  const controls = steps(box, () => numbers.cases[name()].texts, show);
};
