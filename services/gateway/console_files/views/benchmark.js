// Store and search a sample, and see the percentiles live.

import { events } from "../api.js";
import { action, add, field, fill, h, table } from "../dom.js";
import { count, ms } from "../format.js";

export const title = "Benchmark";
const NAMES = { store: "store", retrieve: "search" };

export async function show({ root, signal }) {
  const number = (id, value, min, max) => h("input", { id, type: "number", value, min, max });
  const stores = number("stores", 200, 10, 100_000);
  const batch = number("batch", 20, 1, 1_000);
  const searches = number("searches", 100, 0, 10_000);
  const state = h("p", { role: "status", id: "benchmark-state" });
  const rows = h("div");
  add(root, h("h1", null, "Benchmark"), h("section", null,
    h("p", null, "It writes memories of the type “benchmark” into the namespace, and searches. ",
      "Use a namespace of its own."),
    h("div", { class: "fields" }, field("Memories to store", stores),
      field("At the same time", batch), field("Searches", searches)),
    h("p", { class: "actions" }, action("Run", () => run(
      { count: +stores.value, batch_size: +batch.value, search_count: +searches.value }, rows,
        state, signal),
    { class: "main", id: "benchmark-run" })), state, rows));
}

async function run(body, place, state, signal) {
  const latest = {};
  for await (const { data } of events("POST", "v1/benchmark/run", { body, signal })) {
    if (data.phase === "error") throw new Error(data.detail);
    if (data.phase === "complete") {
      Object.assign(latest, { store: data.store, retrieve: data.retrieve });
      const seconds = (data.total_time_ms / 1_000).toFixed(1);
      state.textContent = `Done: ${count(data.total_memories)} memories in ${seconds} s.`;
    } else {
      latest[data.phase] = { ...data, count: data.total_stored ?? data.total_searched };
      fill(state, `${NAMES[data.phase]} `, h("progress", { value: data.progress, max: 1,
        "aria-label": "progress" }));
    }
    fill(place, table(["", "count", "p50", "p95", "p99", "mean"],
      Object.entries(latest).map(([phase, each]) => [NAMES[phase], count(each.count), ms(each.p50),
        ms(each.p95),
        ms(each.p99), each.avg_ms === undefined ? "" : ms(each.avg_ms)]), "Durations"));
  }
}
