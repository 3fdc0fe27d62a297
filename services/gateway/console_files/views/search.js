// Ask, and see why each memory was found.

import { get, post } from "../api.js";
import { PARTS, activationBar, reachOf } from "../charts.js";
import { action, add, button, field, fill, h, note, said, select, table, wordOf } from "../dom.js";
import {
  ago, count, counted, day, duration, fromLocalInput, localInput, nats, percent, signed, when,
} from "../format.js";

export const title = "Search";
const PAGE = 25;
const TOP = 7;
const KINDS = [["", "any"], ["episodic", "episodic"], ["semantic", "semantic"], ["procedural",
  "procedural"]];

export async function show(context) {
  const { root, params } = context;
  add(root, h("h1", { class: "hidden" }, title), form(context));
  if (params.q) await found(context);
  else await listed(context);
}

function form({ params, go }) {
  const input = (name, properties) => h("input", { id: name, name, value: params[name] ?? "",
    ...properties });
  const filters = ["type", "tag", "session", "speaker", "as_of", "decayed", "top"];
  return h("form", {
    class: "asking", role: "search",
    onsubmit: (event) => {
      event.preventDefault();
      const given = Object.fromEntries(new FormData(event.target));
      const top = Number(given.top) === TOP ? "" : given.top;
      go("search", { ...given, top, as_of: fromLocalInput(given.as_of) });
    },
  },
  h("div", { class: "row" },
    h("label", { for: "q", class: "hidden" }, "Question"),
    input("q", { type: "search", placeholder: "What do you want to know? Empty: list all",
      maxlength: "4096",
      autocomplete: "off" }),
    button("Search", null, { type: "submit", class: "main" })),
  h("details", { open: filters.some((name) => params[name]) },
    h("summary", null, "Filters and options"),
    h("div", { class: "fields" },
      field("Type", select({ name: "type" }, KINDS, params.type)),
      field("Tag", input("tag")), field("Session", input("session")), field("Speaker",
        input("speaker")),
      field("As of", input("as_of", { type: "datetime-local", step: "60",
        value: params.as_of ? localInput(params.as_of) : "" }), "what was found at that moment"),
      field("Faded memories", select({ name: "decayed" },
        [["", "by a strong cue"], ["all", "all"], ["none", "none"]], params.decayed)),
      field("At most", input("top", { type: "number", min: 1, max: 100,
        value: params.top ?? TOP }))),
    h("label", { class: "check" },
      h("input", { type: "checkbox", name: "record", value: "1", checked: params.record === "1" }),
      "Record this search: what it finds gets stronger. Off, looking changes nothing.")));
}

// ---- Results

async function found(context) {
  const { root, params, signal, say } = context;
  const began = performance.now();
  const [reply, { parameters }] = await Promise.all([
    post("v1/memories/search", requestOf(params), signal),
    get("v1/parameters", {}, signal),
  ]);
  const took = Math.round(performance.now() - began);
  say(counted(reply.results.length, "result"));
  if (!reply.results.length) {
    add(root, nothing(reply, params));
    return;
  }
  const results = reply.results.map((result) => ({ result, ...anatomy(result, parameters) }));
  const reach = reachOf(results);
  add(root,
    h("p", { class: "faint" }, `${counted(results.length, "memory", "memories")} in ${took} ms`,
      params.as_of ? `, as of ${when(params.as_of)}` : "",
      params.record === "1" ? ", recorded: each of them got stronger" : ", nothing was changed"),
    h("details", null, h("summary", null, "How to read this"), h("p", null,
      "The number is a memory's activation: the log odds that it is needed here and now. ",
      `All begin at ${nats(results[0].start, 1)} nats, the thin line: nothing is known yet. `,
      "Parts to the right of it speak for the memory, parts to the left against it, and the ",
      "triangle stands at their sum. What does not reach the dashed line, the threshold, does not ",
      "come to mind. B is how often and how lately it was used, S what is near it, ",
      "P how well it fits the question.")),
    legend(results),
    h("ol", { class: "results" }, results.map((each) => h("li", null, row(each, reach, context)))));
}

function requestOf(params) {
  const list = (value) => (value ? [value] : undefined);
  return {
    query: params.q, top_k: Number(params.top) || TOP, explain: true,
      record_access: params.record === "1",
    types: list(params.type), tags: list(params.tag), session: params.session || undefined,
    speaker: params.speaker || undefined, as_of: params.as_of,
    include_decayed: { all: true, none: false }[params.decayed],
  };
}

function nothing(reply, params) {
  if (reply.best_below === null || reply.best_below === undefined) {
    return note("Nothing is stored here that could be found.",
      "Store something first, or choose another namespace above.",
      params.type || params.tag || params.session || params.speaker ? " Or take the filters off."
        : "");
  }
  return note("Nothing came to mind.",
    `The best memory has ${nats(reply.best_below)} nats, which is below the threshold. ` +
    "Ask with other words, or let faded memories in (“Filters and options”).");
}

// The parts of an activation. The first number is where all begin: the log odds that a memory is
// needed, before anything is known of it.
function anatomy(result, parameters) {
  const { explanation: sum, reasons } = result;
  const meaning = parameters.cosine_weight * (reasons.cosine - parameters.cosine_neutral);
  const time = reasons.time ?? 0;
  const rest = meaning + time + reasons.speaker + reasons.length + reasons.inherited
    + parameters.prior;
  return {
    start: parameters.prior, threshold: reasons.retrieval_threshold, total: result.activation,
    parts: {
      base: sum.base, emotion: sum.emotion, neighbours: reasons.neighbours,
      concepts: sum.spreading - reasons.neighbours, meaning, words: sum.match - rest,
      speaker: reasons.speaker, time, length: reasons.length, inherited: reasons.inherited,
      adjustment: sum.adjustment, noise: sum.noise,
    },
  };
}

function legend(results) {
  const used = PARTS.filter(([name]) => results.some(({ parts }) =>
    Math.abs(parts[name]) >= 0.005));
  return h("div", { class: "legend", "aria-hidden": "true" },
    used.map(([name, label]) => h("span", null, h("i", { class: `part ${name}` }), label)),
    h("span", null, h("i", { class: "threshold" }), "threshold"));
}

function row(each, reach, context) {
  const { result, parts, threshold, total } = each;
  const place = context.addressOf("memory", { id: result.memory_id });
  return h("article", { class: "result", "data-id": result.memory_id },
    h("div", { class: "head" },
      h("a", { href: place, class: "open" }, said(result.content,
        { marks: Object.keys(result.reasons.words) })),
      activationOf(total)),
    facts(result),
    activationBar(each, reach),
    h("p", { class: "why" }, why(result, parts, total - threshold)),
    result.superseded_by && h("p", { class: "warned" }, "Out of date: ",
      h("a", { href: context.addressOf("memory", { id: result.superseded_by }) }, "a newer memory"),
      " holds instead."),
    h("details", null, h("summary", null, "Why, in numbers"), numbers(result, parts, context)),
    h("p", { class: "actions" },
      action("Was of use", async () => {
        await post("v1/memories/used", { memory_ids: [result.memory_id], kind: "used" });
        return "Noted: it is stronger now.";
      }), h("a", { class: "as-button", href: place }, "Open")));
}

export const activationOf = (value) =>
  h("span", { class: "activation", title: "activation" }, nats(value), h("small", null, " nats"));

export function facts(memory) {
  return h("p", { class: "facts" },
    [memory.speaker, memory.session && `session ${memory.session}`, memory.memory_type,
      memory.created_at && day(memory.created_at),
      memory.access_count !== undefined && counted(memory.access_count, "use")]
      .filter(Boolean).map((each) => h("span", { dir: "auto" }, each)),
    memory.status && memory.status !== "active" && h("span", { class: `badge ${memory.status}` },
      memory.status === "decayed" ? "faded" : memory.status),
    memory.copies && h("span", { class: "badge" }, `${count(memory.copies)} that say the same`),
    (memory.tags ?? []).map((tag) => h("span", { class: "badge tag", dir: "auto" }, tag)));
}

// The three strongest reasons in words, and how far it is above the threshold.
function why({ content, reasons, last_accessed, access_count }, parts, above) {
  const words = Object.keys(reasons.words).map((stem) => wordOf(content, stem));
  const told = {
    meaning: `it means something close to the question (similarity ${reasons.cosine.toFixed(2)})`,
    words: words.length ? `it has the words ${words.map((each) => `“${each}”`).join(", ")}`
      : "of its words",
    speaker: "the question names its speaker", length: "of its length",
    time: "it is from the time that the question names",
    neighbours: "what was said around it fits",
    concepts: `of ${Object.keys(reasons.concepts).join(", ") || "active concepts"}`,
    base: `it was used ${access_count === 1 ? "once" : `${count(access_count)} times`}, last ${
      ago(last_accessed)}`,
    inherited: "it replaces an older memory that fits", emotion: "it was said with feeling",
  };
  const strongest = Object.entries(parts).filter(([name, value]) => value > 0.1 && told[name])
    .sort(([, a], [, b]) => b - a).slice(0, 3).map(([name, value]) =>
      `${told[name]} (${signed(value, 1)})`);
  return [
    "Found because ", strongest.join("; ") || "little speaks against it", ". ",
    above >= 0 ? `${nats(above, 1)} nats above the threshold`
      : `${nats(-above, 1)} nats below the threshold`,
    `: it comes to mind with a chance of ${percent(reasons.retrieval_probability)}.`,
  ];
}

function numbers({ reasons }, parts, context) {
  const rows = PARTS.filter(([name]) => Math.abs(parts[name]) >= 0.005).map(([name, label]) =>
    [h("span", null, h("i", { class: `part ${name}` }), label), signed(parts[name])]);
  const link = (id, text) => id && h("a", { href: context.addressOf("memory", { id }) }, text);
  return h("div", { class: "numbers" },
    table(["part", "nats"], rows, "Parts of the activation"),
    table(["word of the question", "nats"], Object.entries(reasons.words).map(([word, value]) =>
      [h("span", { dir: "auto" }, word), signed(value)]), "Words, with those of the neighbours"),
    table(["use", "strength left"], reasons.traces.map((trace) =>
      [`${trace.kind}, ${ago(trace.accessed_at)}`, percent(trace.strength)]), "Strongest uses"),
    h("p", { class: "faint" },
      `A person would take ${duration(reasons.retrieval_latency_seconds)}, the model says. `,
      link(reasons.previous, "said before it"), " ", link(reasons.next, "said after it")));
}

// ---- Without a question: all, the most active first

async function listed({ root, params, signal, addressOf }) {
  const query = { limit: PAGE, type: params.type, tag: params.tag, session: params.session,
    speaker: params.speaker, as_of: params.as_of,
    status: { none: "active" }[params.decayed] };
  const rows = h("ol", { class: "results list" });
  const more = h("div");
  const heading = h("p", { class: "faint" });
  add(root, heading, rows, more);
  const page = async (cursor) => {
    const reply = await get("v1/memories", { ...query, cursor }, signal);
    heading.textContent = `${counted(reply.total, "memory", "memories")}, the most active first`;
    add(rows, reply.memories.map((memory) => h("li", null, h("article", { class: "result" },
      h("div", { class: "head" },
        h("a", { class: "open", href: addressOf("memory", { id: memory.memory_id }) },
          said(memory.content)),
        activationOf(memory.activation)),
      facts(memory)))));
    fill(more, reply.next_cursor
      ? action(`${count(PAGE)} more`, () => page(reply.next_cursor)) : "");
    if (!reply.total) heading.replaceWith(note("No memory is here yet.",
      "Store one over HTTP, MCP or Kafka, or choose another namespace above. ",
      h("code", null, "human-memory store \"Noemi lives in Bern.\" -n NAMESPACE")));
  };
  await page();
}
