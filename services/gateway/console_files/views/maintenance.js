// Runs of maintenance and what they did; the parameters of a namespace, and their effect.

import { at, get, post } from "../api.js";
import { action, add, button, field, fill, h, note, select, table } from "../dom.js";
import { count, counted, duration, nats, when } from "../format.js";
import { fadingPlot } from "../fading.js";

export const title = "Maintenance";
const JOBS = [
  ["decay", "decay: archive what has faded"],
  ["consolidation", "consolidation: replay, extract facts, prune, compile skills"],
  ["capacity", "capacity: archive the weakest beyond a number"],
  ["interference", "interference: lower what resembles the newest memory"],
  ["rif", "retrieval-induced forgetting: lower what resembles the last results"],
];
const EFFECTS = {
  "memory.accessed.v1": ["memory rehearsed", "memories rehearsed"],
  "memory.decayed.v1": ["memory archived", "memories archived"],
  "memory.adjusted.v1": ["memory lowered", "memories lowered"],
  "memory.stored.v1": ["memory made", "memories made"],
  "memory.superseded.v1": ["memory replaced", "memories replaced"],
  "concept.upserted.v1": ["concept added", "concepts added"],
  "relation.upserted.v1": ["relation added", "relations added"],
};
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DAY = 86_400;
// Those that people change; the others are below, by their names.
const MAIN = [
  ["decay_rate", "Decay rate", "how fast a memory loses activation", 1],
  ["horizon_seconds", "Horizon, days", "a memory that is never used again fades at this age", DAY],
  ["retrieval_threshold", "Threshold of searches, nats", "what is below does not come to mind", 1],
  ["capacity", "Capacity", "at most so many stay active; 0: no limit", 1],
  ["decay_scheduled", "Decay by the clock", "1: yes, 0: no", 1],
  ["consolidation_scheduled", "Consolidation by the clock", "1: yes, 0: no", 1],
];

export async function show(context) {
  const { root, signal } = context;
  const [{ runs }, parameters] = await Promise.all([
    get("v1/maintenance/runs", { limit: 30 }, signal), get("v1/parameters", {}, signal)]);
  add(root, h("h1", null, "Maintenance"),
    h("section", null, h("h2", null, "Run now"), starter(context)),
    h("section", null, h("h2", null, "Runs, newest first"),
      runs.length ? runs.map((run) => card(run, context))
        : note("No run yet.",
          "Decay runs every half hour and consolidation every six, by default.")),
    h("section", null, h("h2", null, "Parameters"), parameterForm(parameters, context)));
}

function starter({ refresh }) {
  const job = select({ id: "job" }, JOBS);
  return h("div", { class: "row" }, h("label", { for: "job", class: "hidden" }, "Job"), job,
    action("Run", async () => {
      const done = await post("v1/maintenance/runs", { job: job.value });
      await refresh(done.complete ? "The run is done." : "The run goes on in the background.");
    }, { id: "run", class: "main" }));
}

const effectsOf = (run) => Object.entries(run.effects)
  .map(([type, number]) => counted(number, ...(EFFECTS[type] ?? [type.replace(/\.v\d+$/, "")])))
  .join(", ");

// Ids of memories in a report, such as those of the facts that a run has made.
function made(run, addressOf) {
  const ids = Object.entries(run.report).filter(([, value]) => Array.isArray(value))
    .flatMap(([name, value]) => value.map((each) => [name, each.memory_id ?? each]))
    .filter(([, id]) => ID.test(id));
  return ids.length ? h("p", null, "Made: ", ids.map(([name, id], index) => [index ? ", " : "",
    h("a", { href: addressOf("memory", { id }) },
      `${name.replace(/s$/, "")} ${index + 1}`)])) : null;
}

function card(run, { refresh, addressOf }) {
  const path = ["maintenance", "runs", run.run_id];
  const changed = effectsOf(run);
  const downscaled = run.downscaling_nats && run.report.memories_downscaled
    ? `${counted(run.report.memories_downscaled, "memory", "memories")} lowered by ${
      nats(-run.downscaling_nats)} nats until their next use` : "";
  const did = [changed, downscaled].filter(Boolean).join("; ");
  const report = Object.entries(run.report).filter(([, value]) => typeof value !== "object");
  return h("article", { class: "run", "data-run": run.run_id },
    h("p", null, h("strong", null, run.job), ` ${when(run.began_at)} `,
      h("span", { class: `badge ${run.status}` }, run.status),
      run.seconds ? ` took ${duration(run.seconds)}` : ""),
    h("p", { class: "faint" }, did || (run.error ? run.error.message : "It changed nothing.")),
    h("details", null, h("summary", null, "Report"),
      table(["what", "how many"], report.map(([name, value]) => [name.replaceAll("_", " "),
        String(value)]),
        "Report of the run"), made(run, addressOf)),
    run.status === "running" && action("Cancel", async () => {
      await post(at(...path, "cancel"));
      await refresh("The run was stopped. What it did stays; undo takes it back.");
    }),
    did && ["completed", "cancelled", "failed"].includes(run.status) && undo(path, did, refresh));
}

function undo(path, did, refresh) {
  const place = h("span", { class: "undo" });
  const ask = () => fill(place,
    h("p", { class: "warned" },
      `This takes back: ${did}. What it made is deleted; all else is as it was before.`),
    action("Undo it", async () => {
      await post(at(...path, "undo"));
      await refresh("The run was undone.");
    }, { class: "danger" }), " ", button("Keep it", closed));
  const closed = () => fill(place, button("Undo…", ask));
  closed();
  return place;
}

// ---- Parameters. An empty field is the default; what is not sent gets it.

function parameterForm({ parameters, changed }, { refresh }) {
  const inputs = new Map();
  const input = (name, unit) => {
    const made = h("input", {
      id: `parameter-${name}`, type: "number", step: "any", placeholder: "default",
      value: changed.includes(name) ? parameters[name] / unit : "", oninput: drawn,
    });
    inputs.set(name, { made, unit });
    return made;
  };
  const plot = h("div");
  const proposed = () => {
    const given = { ...parameters };
    for (const [name, { made, unit }] of inputs) {
      if (made.value !== "") given[name] = Number(made.value) * unit;
    }
    return given;
  };
  function drawn() {
    fill(plot, fadingPlot(parameters, proposed()));
  }
  const others = Object.keys(parameters).filter((name) => !MAIN.some(([each]) => each === name));
  const form = h("div", null,
    h("div", { class: "fields" }, MAIN.map(([name, label, hint, unit]) =>
      field(label, input(name, unit), `${hint}; now ${now(parameters[name] / unit)}`))),
    plot,
    h("details", null, h("summary", null, `${count(others.length)} others`),
      h("div", { class: "fields" }, others.map((name) =>
        field(name.replaceAll("_", " "), input(name, 1), `now ${now(parameters[name])}`)))),
    h("p", { class: "actions" }, action("Save", async () => {
      const given = [...inputs].filter(([, { made }]) => made.value !== "")
        .map(([name, { made, unit }]) => [name, Number(made.value) * unit]);
      await post("v1/parameters", { parameters: Object.fromEntries(given) });
      await refresh("Saved.");
    }, { class: "main" })));
  drawn();
  return form;
}

const now = (value) => String(Number(value.toPrecision(6)));
