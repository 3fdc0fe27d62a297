// A slider over the namespace's life: what was there at a moment, and what a question found then.

import { get, post } from "../api.js";
import { add, fill, h, note, said } from "../dom.js";
import { count, counted, day, short, when } from "../format.js";
import { activationOf, facts } from "./search.js";

export const title = "Timeline";
const STEPS = 200;
const DAY_MS = 86_400_000;
const SHOWN = 8;
const SETTLE_MS = 250;

export async function show(context) {
  const { root, params, signal } = context;
  const now = Date.now();
  const first = await birth(now, signal);
  add(root, h("h1", null, "Timeline"));
  if (first === null) {
    add(root, note("No memory is here yet.", "Store one, or choose another namespace above."));
    return;
  }
  const at = Math.min(now, Math.max(first, params.at ? Date.parse(params.at) : now));
  const slider = h("input", { id: "moment", type: "range", min: 0, max: STEPS,
    value: Math.round(STEPS * ((at - first) / (now - first || 1))) });
  const label = h("output", { for: "moment" });
  const question = h("input", { id: "q", type: "search", value: params.q ?? "", maxlength: "4096",
    placeholder: "A question to keep while time goes by" });
  const there = h("section");
  add(root,
    h("form", { class: "asking", onsubmit: (event) => { event.preventDefault(); moved(); } },
      h("div", { class: "row" }, h("label", { for: "q", class: "hidden" }, "Question"), question),
      h("div", { class: "slide" }, h("label", { for: "moment" }, "Moment"), slider, label),
      h("p", { class: "faint" }, `From ${day(first)} until now.`)), there);

  let looking = new AbortController();
  let settling;
  signal.addEventListener("abort", () => looking.abort());
  const moment = () => first + (slider.value / STEPS) * (now - first);
  async function moved() {
    looking.abort();
    looking = new AbortController();
    const iso = new Date(Math.floor(moment())).toISOString();
    // The address follows without a new view: the slider stays in the hand.
    history.replaceState(null, "", context.addressOf("timeline", { at: iso, q: question.value }));
    await seen(there, iso, question.value.trim(), { ...context, signal: looking.signal });
  }
  const later = () => {
    label.textContent = when(moment());
    clearTimeout(settling);
    settling = setTimeout(() => moved().catch((error) => {
      if (error.name !== "AbortError") fill(there, note(error.message));
    }), SETTLE_MS);
  };
  slider.addEventListener("input", later);
  question.addEventListener("input", later);
  label.textContent = when(moment());
  await moved();
}

// The first memory's moment, to a day or so: how many there were then says on which side it lies.
async function birth(now, signal) {
  const there = async (at) => (await get("v1/memories",
    { limit: 1, as_of: new Date(Math.floor(at)).toISOString() }, signal)).total;
  if (!(await there(now))) return null;
  let [length, before] = [DAY_MS, 0];
  for (; length < now; length *= 4) {
    before = now - length;
    if (!(await there(before))) break;
  }
  let after = now - length / 4;
  while (after - before > Math.max(DAY_MS / 24, (now - before) / 100)) {
    const middle = (after + before) / 2;
    if (await there(middle)) after = middle;
    else before = middle;
  }
  return before;
}

async function seen(place, as_of, question, { signal, addressOf }) {
  const list = (status, limit) => get("v1/memories", { limit, status, as_of }, signal);
  const [active, faded, found] = await Promise.all([
    list("active", SHOWN), list("decayed", 1),
    question && post("v1/memories/search",
      { query: question, as_of, top_k: SHOWN, record_access: false }, signal)]);
  const rows = (memories) => h("ol", { class: "focus" }, memories.map((each) => h("li", null,
    h("div", { class: "head" },
      h("a", { class: "open", href: addressOf("memory", { id: each.memory_id }) },
        said(short(each.content, 240))),
      activationOf(each.activation)), facts(each))));
  fill(place,
    h("p", { id: "then" }, `Then ${counted(active.total, "memory was", "memories were")} active, ${
      count(faded.total)} had faded.`),
    question
      ? [h("h2", null, "What the question would have found"), found.results.length
        ? rows(found.results) : h("p", { class: "faint" }, "Nothing came to mind then.")]
      : [h("h2", null, "The most active then"), rows(active.memories)]);
}
