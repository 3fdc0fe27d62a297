// One memory: what it says, how its activation went and will go, where it comes from.

import { at, get, post, remove } from "../api.js";
import { activationCurve } from "../charts.js";
import { action, add, h, note, said, table } from "../dom.js";
import { ago, count, nats, short, when } from "../format.js";
import { facts } from "./search.js";

export const title = "A memory";
const POINTS = 120;
const USES_SHOWN = 50;
const SESSION_MAX = 200;
const AROUND = 3;

export async function show(context) {
  const { root, params, signal } = context;
  if (!params.id) {
    add(root, note("No memory is chosen.", "Search for one first."));
    return;
  }
  const memory = await get(at("memories", params.id, "inspect"), { course: POINTS }, signal);
  add(root,
    h("article", { class: "memory" },
      h("h1", null, "A memory"),
      h("div", { class: "content" }, said(memory.content, { folded: 2_000 })),
      facts(memory),
      memory.superseded_by && h("p", { class: "warned" }, "Out of date: ",
        h("a", { href: context.addressOf("memory", { id: memory.superseded_by }) },
          "a newer memory"),
        " holds instead."),
      actions(memory, context)),
    section("Activation", activation(memory)),
    section("Uses", uses(memory)),
    await around(memory, context),
    origin(memory, context),
    section("Details", details(memory)));
  await lineage(memory, context);
}

const section = (heading, ...content) => h("section", null, h("h2", null, heading), content);

function actions(memory, context) {
  const again = (perform, words) => async () => {
    await perform();
    await context.refresh(words);
  };
  const path = at("memories", memory.memory_id);
  const found = memory.status === "active" ? [
    action("Was of use", again(() => post("v1/memories/used", { memory_ids: [memory.memory_id],
      kind: "used" }),
      "Noted: it is stronger now."), { id: "used" }),
    action("Recall", again(() => get(path), "Recalled: it is stronger now."), { id: "recall" }),
  ] : [action("Restore", again(() => post(`${path}/restore`), "Restored: it is active again."),
    { id: "restore" })];
  if (memory.status !== "deleted") {
    found.push(action("Forget", again(() => remove(path), "Forgotten. “Restore” brings it back."),
      { id: "forget", class: "danger" }));
  }
  return h("p", { class: "actions" }, found);
}

function activation(memory) {
  const { course } = memory;
  const now = Date.parse(course.ahead[0].at);
  return [
    activationCurve(course, memory.access_history, now),
    h("div", { class: "legend", "aria-hidden": "true" },
      h("span", null, h("i", { class: "line past" }), "so far"),
      h("span", null, h("i", { class: "line ahead" }), "if nothing happens to it"),
      h("span", null, h("i", { class: "line if-used" }), "if it were used now"),
      h("span", null, h("i", { class: "dot" }), "a use")),
    h("p", { id: "fate" }, fate(memory, now)),
  ];
}

function fate(memory, now) {
  const { course, activation, status } = memory;
  const has = `Its activation is ${nats(activation)} nats; it fades below ${
    nats(course.fading_threshold)}. `;
  if (status === "deleted") return `${has}It was forgotten; “Restore” brings it back.`;
  if (memory.expires_at && Date.parse(memory.expires_at) <= now) {
    return `${has}It expired on ${when(memory.expires_at)}: only a search for all finds it.`;
  }
  if (status === "decayed") return `${has}It has faded: a strong cue finds it, and brings it back.`;
  if (memory.expires_at && Date.parse(course.fades_at) === Date.parse(memory.expires_at)) {
    return `${has}Before that it expires, on ${when(memory.expires_at)} (${
      ago(memory.expires_at, now)}).`;
  }
  if (memory.pinned) return `${has}It is pinned: it never fades.`;
  if (!course.fades_at) return `${has}It will not fade.`;
  const at = `${when(course.fades_at)} (${ago(course.fades_at, now)})`;
  const used = course.fades_at_if_used === course.fades_at
    ? "A use now would not change that."
    : course.fades_at_if_used
      ? `Used once now, it would stay until ${when(course.fades_at_if_used)}.`
        : "Used now, it would never fade.";
  return activation <= course.fading_threshold
    ? `${has}It stays until ${at} all the same, because it was recorded only ${
      ago(memory.recorded_at, now)}. ${used}`
    : `${has}If nothing happens to it, it fades on ${at}. ${used}`;
}

function uses(memory) {
  const shown = memory.access_history.slice(0, USES_SHOWN);
  const left = memory.access_count - shown.length;
  return [
    table(["when", "kind", "context"], shown.map((use) => [
      h("time", { datetime: use.accessed_at, title: when(use.accessed_at) },
        `${when(use.accessed_at)}`),
      use.kind ?? "", h("span", { dir: "auto" }, use.context ?? ""),
    ]), "Uses, newest first"),
    left > 0 && h("p", { class: "faint" }, `and ${count(left)} earlier`),
  ];
}

// What was said before and after it: a long session comes with the search that led here.
async function around({ memory_id: id, session }, { signal, addressOf }) {
  if (!session) return null;
  const { memories, total } = await get("v1/memories", { session, limit: SESSION_MAX }, signal);
  if (total > SESSION_MAX || total < 2) return null;
  const ordered = memories.toSorted((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at));
  const place = ordered.findIndex((each) => each.memory_id === id);
  const near = ordered.slice(Math.max(0, place - AROUND), place + AROUND + 1);
  return section(`Around it in session ${session}`, h("ol", { class: "focus" }, near.map((each) =>
    h("li", { "aria-current": each.memory_id === id }, each.memory_id === id
      ? h("strong", { dir: "auto" }, short(each.content, 160))
      : h("a", { href: addressOf("memory", { id: each.memory_id }), dir: "auto" },
        short(each.content, 160))))));
}

function origin(memory, { addressOf }) {
  const rows = memory.corrections.map((each) => [
    when(each.corrected_at), h("span", { dir: "auto" }, each.reason ?? ""),
    each.content ? h("span", { dir: "auto" }, short(each.content, 200)) : "",
  ]);
  return h("section", { id: "lineage" }, h("h2", null, "Where it comes from, what became of it"),
    rows.length ? table(["corrected", "reason", "it said before"], rows, "Corrections") : null,
    h("ul", null,
      memory.derived_from.map((each) => h("li", null, "made from ",
        h("a", { href: addressOf("memory", { id: each.memory_id }), "data-memory": each.memory_id },
          each.memory_id), ` (weight ${each.weight.toFixed(2)})`)),
      memory.derivatives.map((id) => h("li", null, "went into ",
        h("a", { href: addressOf("memory", { id }), "data-memory": id }, id))),
      !memory.derived_from.length && !memory.derivatives.length
        ? h("li", null, "It was stored as it is, and nothing was made from it yet.") : null));
}

// The words of related memories come afterwards, so that the page need not wait for them.
async function lineage(memory, { root, signal }) {
  const links = [...root.querySelectorAll("[data-memory]")].slice(0, 20);
  await Promise.all(links.map(async (link) => {
    try {
      const other = await get(at("memories", link.dataset.memory, "inspect"), {}, signal);
      link.textContent = short(other.content, 120);
      link.dir = "auto";
    } catch {
      // Its id stands there.
    }
  }));
}

function details(memory) {
  const rows = [
    ["id", h("code", null, memory.memory_id)], ["happened", when(memory.created_at)],
    ["recorded", memory.recorded_at && when(memory.recorded_at)],
    ["expires", memory.expires_at && when(memory.expires_at)], ["context", memory.context],
      ["concepts", memory.concepts.join(", ")],
    ["salience", memory.salience.toFixed(2)],
    ["emotion", `valence ${memory.emotion_valence.toFixed(2)}, arousal ${
      memory.emotion_arousal.toFixed(2)}`],
    ["decay rate", `${memory.effective_decay_rate.toFixed(3)} (of the namespace: ${
      memory.decay_rate})`],
    ["pinned", memory.pinned ? "yes" : "no"],
    ["metadata", Object.keys(memory.metadata).length
      ? h("pre", { dir: "auto" }, JSON.stringify(memory.metadata, null, 2)) : null],
  ];
  return h("dl", null, rows.filter(([, value]) => value).map(([name, value]) =>
    [h("dt", null, name), h("dd", { dir: "auto" }, value)]));
}
