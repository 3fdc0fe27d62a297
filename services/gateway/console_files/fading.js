// The effect of parameters, drawn: how a memory that is never used again loses its activation.

import { h, svg } from "./dom.js";
import { duration, nats } from "./format.js";
import { WIDTH, ticks } from "./charts.js";

const HEIGHT = 200;
const POINTS = 100;
const EDGE = { left: 40, right: 12, top: 12, bottom: 26 };

// A0 − d ln(1 + t / t0): the base level of one use at age t, as docs/reference/model.md has it.
export const levelAt = (seconds, parameters) =>
  parameters.fresh_activation -
  parameters.decay_rate * Math.log(1 + seconds / parameters.onset_seconds);
export const fadingThreshold = (parameters) => levelAt(parameters.horizon_seconds, parameters);

export function fadingPlot(current, proposed) {
  const end = 1.4 * Math.max(current.horizon_seconds, proposed.horizon_seconds);
  const levels = [current, proposed].flatMap((each) =>
    [levelAt(end, each), each.fresh_activation, fadingThreshold(each)]);
  if (!levels.every(Number.isFinite)) return h("p", { class: "warned" },
    "These values can't be drawn.");
  const [low, high] = [Math.min(...levels) - 0.1, Math.max(...levels) + 0.1];
  const x = (seconds) => EDGE.left + (seconds / end) * (WIDTH - EDGE.left - EDGE.right);
  const y = (level) =>
    EDGE.top + ((high - level) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const differs = JSON.stringify(current) !== JSON.stringify(proposed);
  const drawn = (parameters, name) => {
    const points = Array.from({ length: POINTS + 1 }, (_, index) => (end * (index / POINTS) ** 2))
      .map((seconds) => `${x(seconds).toFixed(1)},${y(levelAt(seconds, parameters)).toFixed(1)}`);
    const at = { x: x(parameters.horizon_seconds), y: y(fadingThreshold(parameters)) };
    return [
      svg("polyline", { class: name, points: points.join(" ") }),
      svg("line", { class: `threshold ${name}`, x1: EDGE.left, x2: WIDTH - EDGE.right, y1: at.y,
        y2: at.y }),
      svg("circle", { class: "use", cx: at.x, cy: at.y, r: 4 }),
    ];
  };
  return h("figure", null,
    svg("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": "Activation of a memory that is never used again, by its age" },
    ticks(low, high, 4).map((level) => svg("text", { x: EDGE.left - 6, y: y(level) + 4,
      "text-anchor": "end" },
      nats(level, 0))),
    [0.25, 0.5, 0.75, 1].map((part) => svg("text", { x: x(part * end), y: HEIGHT - 6,
      "text-anchor": part === 1 ? "end" : "middle" },
      duration(part * end))),
    drawn(current, "past"), differs && drawn(proposed, "if-used")),
    h("figcaption", { class: "faint" },
      `A memory that is never used again fades after ${duration(current.horizon_seconds)}, at ${
        nats(fadingThreshold(current))} nats`,
      differs ? `; with what is entered above (dashed) after ${
        duration(proposed.horizon_seconds)}, at ${
        nats(fadingThreshold(proposed))} nats. Nothing is saved yet.` : "."));
}
