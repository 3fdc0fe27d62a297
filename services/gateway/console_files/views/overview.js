// A namespace at a glance, and what happens in it as it happens.

import { events, get, readiness } from "../api.js";
import { columns } from "../charts.js";
import { add, fill, h } from "../dom.js";
import { ago, clock, count, counted, nats, short } from "../format.js";

export const title = "Overview";
const SHOWN = 40;
const SEEN_MAX = 5_000;
const BINS = 60;
const MINUTE_MS = 60_000;
const LOOK_MS = 60_000;
const SETTLE_MS = 700;
const REPEAT_MS = [1_000, 2_000, 5_000, 10_000];

export async function show(context) {
  const { root, signal } = context;
  const tiles = h("div", { class: "tiles" });
  const focus = h("div");
  const health = h("div", { "aria-live": "polite" });
  const rates = h("div");
  const feed = h("ol", { class: "feed", id: "feed" });
  const live = h("span", { class: "faint", id: "live", role: "status" }, "connecting…");
  add(root, h("h1", null, "Overview"), health, tiles,
    h("div", { class: "two" },
      h("section", null, h("h2", null, "Working memory"), focus),
      h("section", null, h("h2", null, "The last minute"), rates)),
    h("section", null, h("h2", null, "As it happens ", live), feed));

  const fresh = () => Promise.all([counts(tiles, context), focused(focus, context)]);
  await Promise.all([fresh(), healthy(health, context)]);
  let [seen, unshown, settling] = [[], [], undefined];
  const drawn = () => {
    seen = seen.filter(({ at }) => Date.now() - at < MINUTE_MS).slice(-SEEN_MAX);
    fill(rates, minute(seen));
    if (!unshown.length) return;
    const kept = feed.querySelector(".nothing") ? [] : [...feed.children];
    const lines = unshown.map((event) => line(event.data, context)).reverse();
    fill(feed, [...lines, ...kept].slice(0, SHOWN));
    unshown = [];
  };
  add(feed, h("li", { class: "faint nothing" },
    "Nothing has happened since this page was opened."));
  drawn();

  // A burst of events is one look at the counts, and none while nobody looks at the page.
  const look = () => {
    settling = undefined;
    if (document.hidden) return;
    drawn();
    fresh().catch(() => {});
  };
  const happened = (event) => {
    seen.push({ at: Date.now(), event });
    if (seen.length > 2 * SEEN_MAX) seen = seen.slice(-SEEN_MAX);
    unshown = [...unshown, event].slice(-SHOWN);
    settling ??= setTimeout(look, SETTLE_MS);
  };
  const opened = (again) => {
    live.textContent = "live";
    if (again) Promise.all([fresh(), healthy(health, context)]).catch(() => {});
  };
  follow(happened, opened, () => { live.textContent = "not connected; trying again"; }, signal);
  document.addEventListener("visibilitychange", look, { signal });
  const timer = setInterval(() => {
    if (document.hidden) return;
    if (seen.length) drawn();
    healthy(health, context).catch(() => {});
  }, LOOK_MS);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    clearTimeout(settling);
  });
}

// For as long as the view is open and in sight: a stream that ends is opened again. A page in the
// background gives its connection back, since a browser has six for one host.
async function follow(happened, opened, lost, signal) {
  let again = false;
  for (let failures = 0; !signal.aborted;) {
    await inSight(signal);
    const connection = new AbortController();
    const close = () => connection.abort();
    signal.addEventListener("abort", close);
    document.addEventListener("visibilitychange", close, { signal: connection.signal });
    try {
      const begun = () => {
        opened(again);
        failures = 0;
      };
      const following = { signal: connection.signal, opened: begun };
      for await (const event of events("GET", "v1/events", following)) happened(event);
    } catch (error) {
      if (error.status === 401 || error.status === 403) return lost();
    }
    close();
    signal.removeEventListener("abort", close);
    again = true;
    if (document.hidden || signal.aborted) continue;
    lost();
    const pause = REPEAT_MS[Math.min(failures, REPEAT_MS.length - 1)];
    failures += 1;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

async function inSight(signal) {
  while (document.hidden && !signal.aborted) {
    await new Promise((resolve) => {
      document.addEventListener("visibilitychange", resolve, { once: true });
      signal.addEventListener("abort", resolve, { once: true });
    });
  }
}

const tile = (name, value, hint) =>
  h("div", { class: "tile", title: hint }, h("b", null, value), h("span", null, name));

async function counts(tiles, { signal }) {
  const total = async (type) =>
    (await get("v1/memories", { limit: 1, status: "active", type }, signal)).total;
  const [stats, facts, skills] = await Promise.all(
    [get("v1/stats", {}, signal), total("semantic"), total("procedural")]);
  fill(tiles,
    tile("active", count(stats.active), "found by searches"),
    tile("faded", count(stats.decayed), "found by a strong cue alone"),
    tile("forgotten", count(stats.deleted), "can be restored"),
    tile("facts", count(facts), "active memories of the type semantic"),
    tile("skills", count(skills), "active memories of the type procedural"),
    tile("mean activation, nats", stats.active ? nats(stats.avg_activation) : "–",
      "of the active ones"));
}

async function focused(place, { signal, addressOf }) {
  const { memories, capacity, window_seconds: seconds } = await get("v1/working-memory", {},
    signal);
  fill(place, memories.length
    ? h("ol", { class: "focus" }, memories.map((each) => h("li", null,
      h("a", { href: addressOf("memory", { id: each.memory_id }), dir: "auto" }, short(each.content,
        120)),
      h("span", { class: "faint" }, ` ${nats(each.activation)} nats, ${ago(each.last_accessed)}`))))
    : h("p", { class: "faint" }, "Empty. The ", counted(capacity, "most active memory",
      "most active memories"),
      ` of those stored or used in the last ${Math.round(seconds / 60)} minutes are in focus.`));
}

async function healthy(place, { signal, addressOf }) {
  const found = [];
  const { checks } = await readiness(signal);
  for (const [name, outcome] of Object.entries(checks)) {
    if (outcome !== "ok") found.push(`${name}: ${outcome}`);
  }
  try {
    const { dead_letters: letters } = await get("v1/dead-letters", { state: "waiting", last: 50 },
      signal);
    if (letters.length) found.push(counted(letters.length, "dead letter waits",
      "dead letters wait"));
  } catch (error) {
    if (error.status !== 403) throw error;
  }
  fill(place, found.length
    ? h("div", { class: "note bad" }, h("strong", null, "Something is wrong: "), found.join("; "),
      ". ",
      h("a", { href: addressOf("operations") }, "Operations"), " says more.")
    : h("p", { class: "faint" }, "All parts answer."));
}

function minute(seen) {
  const now = Date.now();
  const bins = new Array(BINS).fill(0);
  const sums = { stores: 0, searches: 0, accesses: 0 };
  for (const { at, event } of seen) {
    if (now - at >= MINUTE_MS) continue; // the clock goes on while this is drawn
    bins[BINS - 1 - Math.floor((now - at) / (MINUTE_MS / BINS))] += 1;
    const accesses = event.data.data.accesses ?? [];
    if (event.event === "memory.stored.v1") sums.stores += 1;
    if (accesses.some((each) => each.kind === "search")) sums.searches += 1;
    sums.accesses += accesses.length;
  }
  return h("div", null, columns(bins, { label: "Events of each second of the last minute" }),
    h("p", { class: "faint" },
      `${counted(sums.stores, "store")}, ${counted(sums.searches, "search", "searches")
    } that found and recorded something, ${counted(sums.accesses, "access", "accesses")
    }; counted since this page was opened`));
}

const WORDS = {
  "memory.stored.v1": (e) => ["stored", e.data.content],
  "memory.accessed.v1": (e) =>
    [`${[...new Set(e.data.accesses.map((each) => each.kind))].join(", ")}: ` +
    counted(e.data.accesses.length, "memory", "memories") + " stronger"],
  "memory.forgotten.v1": () => ["forgotten"],
  "memory.restored.v1": () => ["restored"],
  "memory.decayed.v1": () => ["faded"],
  "memory.adjusted.v1": (e) => [`penalty of ${nats(e.data.nats)} nats (${e.data.cause})`],
  "memory.superseded.v1": (e) => [e.data.reversed ? "holds again" : "a newer memory holds instead"],
  "memory.corrected.v1": (e) => ["corrected", e.data.text?.content],
  "maintenance.completed.v1": (e) => [`a run has ended: ${e.data.job ?? ""}`],
};

function line(event, { addressOf }) {
  const [words, text] = WORDS[event.type]?.(event) ?? [event.type.replace(/\.v\d+$/, "")];
  const ofMemory = event.type.startsWith("memory.");
  const id = event.type === "memory.accessed.v1" ? event.data.accesses[0].memory_id : event.subject;
  return h("li", null,
    h("time", { datetime: event.time, class: "faint" }, clock(Date.now())), " ",
    ofMemory ? h("a", { href: addressOf("memory", { id }) }, words) : `${words} ${event.subject}`,
    text && h("span", { dir: "auto", class: "quote" }, short(text, 140)));
}
