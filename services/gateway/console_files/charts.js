// Plots in SVG. Colours are classes, so that light and dark are the style sheet's.

import { svg } from "./dom.js";
import { day, nats, signed, when } from "./format.js";

// On a phone plots are drawn as narrow as they are shown, so that their words stay readable.
export const narrow = matchMedia("(max-width: 40rem)").matches;
export const WIDTH = narrow ? 380 : 720;
const TIMES = narrow ? [0, 1] : [0, 1 / 3, 2 / 3, 1];

export const PARTS = [
  ["base", "B: history of use"],
  ["emotion", "B: emotion"],
  ["neighbours", "S: neighbours"],
  ["concepts", "S: concepts"],
  ["meaning", "P: meaning"],
  ["words", "P: words"],
  ["speaker", "P: speaker"],
  ["time", "P: time"],
  ["length", "P: length"],
  ["inherited", "P: of what it replaces"],
  ["adjustment", "penalties"],
  ["noise", "noise"],
];

// The reach of the bars of several results, so that they can be compared.
export function reachOf(results) {
  let [low, high] = [Infinity, -Infinity];
  for (const { parts, start, threshold } of results) {
    const values = Object.values(parts);
    const sum = (sign) => values.reduce((all, each) => all + Math.max(0, sign * each), 0);
    low = Math.min(low, start - sum(-1), threshold);
    high = Math.max(high, start + sum(1), threshold);
  }
  const margin = (high - low) * 0.03 || 1;
  return [low - margin, high + margin];
}

// What speaks for a memory is to the right of where all begin, what speaks against it to the left.
export function activationBar({ parts, start, threshold, total }, [low, high]) {
  const x = (value) => ((value - low) / (high - low)) * WIDTH;
  const drawn = [];
  const ends = { "1": start, "-1": start };
  for (const [name, label] of PARTS) {
    const value = parts[name] ?? 0;
    if (Math.abs(value) < 0.005) continue;
    const from = ends[Math.sign(value)];
    const to = (ends[Math.sign(value)] = from + value);
    drawn.push(svg("rect", {
      class: `part ${name}`, x: x(Math.min(from, to)), y: 6,
      width: Math.abs(x(to) - x(from)), height: 18,
    }, svg("title", null, `${label}: ${signed(value)} nats`)));
  }
  const at = x(total);
  return svg("svg", {
    class: "bar", viewBox: `0 0 ${WIDTH} 30`, role: "img", preserveAspectRatio: "none",
    "aria-label": `Activation ${nats(total)} nats, threshold ${nats(threshold)}`,
  },
  drawn,
  svg("line", { class: "start", x1: x(start), x2: x(start), y1: 2, y2: 28 }),
  svg("line", { class: "threshold", x1: x(threshold), x2: x(threshold), y1: 0, y2: 30 }),
  svg("path", { class: "total", d: `M${at - 5} 0h10l-5 7z` }));
}

export function activationCurve(course, uses, now) {
  const height = 260;
  const edge = { left: 46, right: 14, top: 14, bottom: 30 };
  const all = [...course.past, ...course.ahead, ...course.ahead_if_used];
  const times = all.map((each) => Date.parse(each.at));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const levels = [...all.map((each) => each.activation), course.fading_threshold];
  const [low, high] = [Math.max(-12, Math.min(...levels)) - 0.2, Math.max(...levels) + 0.2];
  const x = (time) => edge.left +
    ((time - first) / (last - first || 1)) * (WIDTH - edge.left - edge.right);
  const y = (level) => edge.top +
    ((high - Math.max(level, low)) / (high - low)) * (height - edge.top - edge.bottom);
  const line = (points, name) => svg("polyline", {
    class: name,
    points: points.map((each) => `${x(Date.parse(each.at)).toFixed(1)},` +
      `${y(each.activation).toFixed(1)}`).join(" "),
  });
  const threshold = y(course.fading_threshold);
  const path = [...course.past, course.ahead[0]];
  const nearest = (time) => path.reduce((best, each) =>
    Math.abs(Date.parse(each.at) - time) <= Math.abs(Date.parse(best.at) - time) ? each : best);
  return svg("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${height}`, role: "img",
    "aria-label": "Activation from birth to now, and ahead; told in words below" },
  ticks(low, high, 5).map((level) => [
    svg("line", { class: "grid", x1: edge.left, x2: WIDTH - edge.right, y1: y(level),
      y2: y(level) }),
    svg("text", { x: edge.left - 6, y: y(level) + 4, "text-anchor": "end" }, nats(level, 0)),
  ]),
  TIMES.map((part) => [part, first + part * (last - first)]).map(([part, time]) =>
    svg("text", {
      x: x(time), y: height - 8, "text-anchor": { 0: "start", 1: "end" }[part] ?? "middle",
    },
      last - first > 3 * 86_400_000 ? day(time) : when(time))),
  svg("line", { class: "now", x1: x(now), x2: x(now), y1: edge.top, y2: height - edge.bottom }),
  svg("text", { class: "now", x: x(now) + 4, y: edge.top + 8 }, "now"),
  svg("line", { class: "threshold", x1: edge.left, x2: WIDTH - edge.right, y1: threshold,
    y2: threshold }),
  svg("text", { class: "threshold", x: x(now) - 6, y: threshold - 5, "text-anchor": "end" },
    "fades below"),
  line(course.ahead_if_used, "if-used"), line(course.ahead, "ahead"), line(path, "past"),
  uses.filter((use) => Date.parse(use.accessed_at) <= now).map((use) => svg("circle", {
    class: `use ${use.kind}`, r: 4, cx: x(Date.parse(use.accessed_at)),
    cy: y(nearest(Date.parse(use.accessed_at)).activation),
  }, svg("title", null, `${use.kind}, ${when(use.accessed_at)}`))));
}

// Round values between two, about so many.
export function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((each) => each * power >= rough) * power);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

export function columns(values, { label, height = 70 }) {
  const most = Math.max(1, ...values);
  const width = WIDTH / values.length;
  return svg("svg", { class: "columns", viewBox: `0 0 ${WIDTH} ${height}`, role: "img",
    preserveAspectRatio: "none", "aria-label": label },
  values.map((value, index) => svg("rect", {
    class: "column", x: index * width + 1, width: width - 2,
    y: height - (value / most) * height, height: (value / most) * height,
  })));
}
