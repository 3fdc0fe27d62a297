// The installation: its parts, dead letters, rebuilds, namespaces. For keys that open all of it.

import { at, get, post, readiness } from "../api.js";
import { action, add, button, h, note, said, table } from "../dom.js";
import { count, counted, when } from "../format.js";

export const title = "Operations";
const PARTS = {
  postgres: "durable store (the log, by way of a service)", qdrant: "vector index (retrieval)",
  neo4j: "graph", kafka: "Kafka", redis: "Redis",
    projection: "projection (reads show what is in the log)",
};

export async function show({ root, signal, refresh, addressOf }) {
  const parts = h("section", null, h("h2", null, "Parts"));
  add(root, h("h1", null, "Operations"), parts);
  const ready = await readiness(signal);
  add(parts,
    h("p", null, "Gateway ", ready.version ?? "", ": ",
      h("span", { class: `badge ${ready.status}` }, ready.status)),
    table(["part", "state"], Object.entries(ready.checks).map(([name, outcome]) =>
      [PARTS[name] ?? name, h("span", { class: `badge ${outcome}` }, outcome)]),
        "Parts and their states"));
  try {
    await installation(root, signal, refresh, addressOf);
  } catch (error) {
    if (error.status !== 403) throw error;
    add(root, note("The rest is for administrators.",
      `${error.message}. Dead letters, rebuilds and namespaces need a key with the right “admin” `,
      "for all namespaces (“*”)."));
  }
}

async function installation(root, signal, refresh, addressOf) {
  const [{ dead_letters: letters }, rebuild, spaces] = await Promise.all([
    get("v1/dead-letters", { last: 50 }, signal), get("v1/rebuild", {}, signal),
    get("v1/namespaces", { limit: 100 }, signal)]);
  const waiting = letters.filter((each) => each.state === "waiting").length;
  add(root,
    h("section", null, h("h2", null, "Dead letters"),
      letters.length
        ? [h("p", { class: "faint" },
          `The newest ${count(letters.length)}; ${count(waiting)} of them wait.`),
          letters.toReversed().map((each) => letter(each, refresh))]
        : h("p", { class: "faint" }, "None: every record was processed.")),
    h("section", null, h("h2", null, "Read side"), progress(rebuild)),
    h("section", null, h("h2", null, `Namespaces, ${count(spaces.total)}`),
      table(["namespace", "active", "faded", "forgotten"], spaces.namespaces.map((each) => [
        h("a", { href: addressOf("search", { ns: each.namespace }) }, each.namespace),
        count(each.active), count(each.decayed), count(each.deleted)]), "Namespaces"),
      spaces.next_cursor && h("p", { class: "faint" },
        "These are the first 100; type another name above.")));
}

function letter(each, refresh) {
  const waits = each.state === "waiting" || each.state === "returned";
  const perform = (what, words) => async () => {
    await post(at("dead-letters", what), { places: [each.place] });
    await refresh(words);
  };
  return h("details", { class: "run" },
    h("summary", null, h("span", { class: `badge ${each.state}` }, each.state.replace("_", " ")),
      " ",
      h("span", { dir: "auto" }, each.reason?.reason ?? "no reason is known")),
    h("p", { class: "faint" },
      `${when(each.recorded_at)}, ${each.reason?.topic ?? each.topic}, refused by ${
      each.reason?.service ?? "nobody known"}, place ${each.place}`,
    each.sent_to && `, sent back to ${each.sent_to}`, each.returned_as
      && `, returned as ${each.returned_as}`),
    said(typeof each.value === "string" ? each.value : JSON.stringify(each.value, null,
      2) ?? "null"),
    waits && h("p", { class: "actions" },
      action("Send back", perform("replay", "It was sent back to where it came from.")),
      action("Discard", perform("discard", "It is marked as done with."), { class: "danger" })));
}

function progress({ running, folded, total, partitions }) {
  return [
    h("p", null, running
      ? ["A rebuild is under way: ", h("progress", { value: folded, max: total || 1 }),
        ` ${count(folded)} of ${counted(total, "event")}.`]
      : "No rebuild is under way. It is started with ", !running && h("code", null,
        "human-memory rebuild"), "."),
    table(["partition", "version", "events folded", "next version"], partitions.map((each) => [
      String(each.partition), String(each.version), count(each.folded),
      each.next_version === null || each.next_version === undefined
        ? "–" : `${each.next_version}, ${counted(each.next_folded ?? 0, "event")}`]), "Partitions"),
    button("Look again", () => dispatchEvent(new HashChangeEvent("hashchange"))),
  ];
}
