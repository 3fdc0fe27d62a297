// The frame around the views: where we are (in the address), whose memory, which key, how it looks.

import { access, get, namespaceOfPath } from "./api.js";
import { button, h, note } from "./dom.js";
import * as benchmark from "./views/benchmark.js";
import * as graph from "./views/graph.js";
import * as maintenance from "./views/maintenance.js";
import * as memory from "./views/memory.js";
import * as operations from "./views/operations.js";
import * as overview from "./views/overview.js";
import * as search from "./views/search.js";
import * as timeline from "./views/timeline.js";

const VIEWS = { overview, search, timeline, graph, maintenance, operations, benchmark, memory };
const TABS = ["overview", "search", "timeline", "graph", "maintenance", "operations", "benchmark"];
const KEPT = { namespace: "human-memory-namespace", recent: "human-memory-recent",
  theme: "human-memory-theme" };
const RECENT_MAX = 12;

const main = h("main", { id: "main", tabindex: "-1" });
const nav = h("nav", { "aria-label": "Views" });
const trouble = h("div", { class: "trouble", role: "alert", hidden: true },
  "The gateway does not answer. This page tries again by itself.");
const announced = h("div", { class: "hidden", "aria-live": "polite" });
let leaving = new AbortController();

export const addressOf = (view, params = {}) => {
  const given = Object.entries({ ns: access.namespace, ...params })
    .filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `#/${view}?${new URLSearchParams(given)}`;
};

function place() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: Object.hasOwn(VIEWS, view) ? view : "search",
    params: Object.fromEntries(new URLSearchParams(query)) };
}

// ---- Whose memory

function recent() {
  try {
    return JSON.parse(localStorage.getItem(KEPT.recent)) ?? [];
  } catch {
    return [];
  }
}

function remember(namespace) {
  localStorage.setItem(KEPT.namespace, namespace);
  const others = recent().filter((each) => each !== namespace);
  localStorage.setItem(KEPT.recent, JSON.stringify([namespace, ...others].slice(0, RECENT_MAX)));
}

const chosen = h("input", {
  id: "namespace", list: "namespaces", spellcheck: "false", autocomplete: "off", maxlength: "128",
  onfocus: offer,
});
const offered = h("datalist", { id: "namespaces" });
const chooser = h("form", {
  class: "namespace",
  onsubmit: (event) => {
    event.preventDefault();
    const { view } = place();
    access.namespace = chosen.value.trim() || "default";
    travel(addressOf(view === "memory" ? "search" : view));
  },
}, h("label", { for: "namespace" }, "Namespace"), chosen, offered, button("Go", null,
  { type: "submit" }));
chosen.addEventListener("change", () => chooser.requestSubmit());

async function offer() {
  const options = (names) => offered.replaceChildren(...names.map((value) => h("option",
    { value })));
  options(recent());
  try {
    const { namespaces } = await get("v1/namespaces", { limit: 200 });
    options([...new Set([...recent(), ...namespaces.map((each) => each.namespace)])]);
  } catch {
    // The key opens some namespaces only: those that were used here are offered.
  }
}

// ---- Key

const keyInput = h("input", { id: "key", type: "password", autocomplete: "off", required: true });
const keyWords = h("p", null, "This gateway wants an API key. It stays in this tab.");
const keyDialog = h("dialog", { "aria-labelledby": "key-title" },
  h("form", {
    method: "dialog",
    onsubmit: () => {
      access.key = keyInput.value.trim();
      sessionStorage.setItem("human-memory-key", access.key);
      show();
    },
  }, h("h2", { id: "key-title" }, "API key"), keyWords,
  h("label", { for: "key" }, "Key"), keyInput,
  h("p", null, button("Use it", null, { type: "submit" }), " ",
    button("Forget it", () => {
      access.key = keyInput.value = "";
      sessionStorage.removeItem("human-memory-key");
      keyDialog.close();
      show();
    }, { class: "quiet" }))));

access.refused = () => {
  if (access.key) keyWords.textContent = "The gateway does not know this key. Try another one.";
  if (!keyDialog.open) keyDialog.showModal();
};
access.reached = (answered) => {
  trouble.hidden = answered;
};

// ---- Looks

function themed(theme) {
  document.documentElement.dataset.theme = theme;
  if (theme) localStorage.setItem(KEPT.theme, theme);
}
function otherTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  themed(dark ? "light" : "dark");
}

// ---- Views

async function show({ again = false } = {}) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const { view, params } = place();
  if (params.ns) access.namespace = params.ns;
  remember(access.namespace);
  chosen.value = access.namespace;
  nav.replaceChildren(...TABS.map((each) => h("a", {
    href: addressOf(each), "aria-current": each === view ? "page" : null,
  }, VIEWS[each].title)));
  nav.querySelector("[aria-current]")?.scrollIntoView({ inline: "nearest", block: "nearest" });
  document.title = `${VIEWS[view].title} · ${access.namespace} · Human Memory`;
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  const fresh = h("div", { class: "view", "aria-busy": "true", "data-address": location.hash });
  if (!again) main.replaceChildren(fresh);
  const context = {
    root: fresh, params, signal, addressOf,
    go: (name, more) => travel(addressOf(name, more)),
    say: (text) => { announced.textContent = text; },
    // The same view with fresh numbers, and what was done, in place of the old one.
    refresh: async (text) => {
      await show({ again: true });
      announced.textContent = text;
      main.prepend(h("p", { class: "done" }, text));
    },
  };
  try {
    await VIEWS[view].show(context);
    if (signal.aborted) return;
    fresh.setAttribute("aria-busy", "false");
    if (again) main.replaceChildren(fresh);
    if (focused) document.getElementById(focused)?.focus();
  } catch (error) {
    if (signal.aborted) return;
    if (again) main.replaceChildren(fresh);
    fresh.append(failure(error));
    if (!(error.status >= 0)) console.error(error);
    if (error.status === 0) retry(signal);
  }
}

// Also to where we are: the same question may be asked again.
function travel(address) {
  if (location.hash === address) show();
  else location.hash = address;
}

function retry(signal) {
  const timer = setTimeout(() => show(), 3_000);
  signal.addEventListener("abort", () => clearTimeout(timer));
}

function failure(error) {
  const advice = {
    0: "This page tries again every few seconds.",
    401: "Give an API key: the button “Key” above.",
    403: "Choose another namespace, or use a key that may do this.",
    404: "It may be in another namespace.",
    503: "A part of the system is down; Operations says which.",
  }[error.status];
  return h("div", { class: "note bad", role: "alert" },
    h("strong", null, error.message), advice && h("p", null, advice),
    button("Try again", () => show()));
}

// A letter goes to a view, "/" to the question, while nobody writes.
const LETTERS = { o: "overview", s: "search", t: "timeline", g: "graph", m: "maintenance" };
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || keyDialog.open) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    const field = document.getElementById("q");
    if (field) field.focus();
    else location.hash = addressOf("search");
  } else if (event.key in LETTERS) location.hash = addressOf(LETTERS[event.key]);
}

function start() {
  access.namespace = namespaceOfPath ?? localStorage.getItem(KEPT.namespace) ?? "default";
  themed(localStorage.getItem(KEPT.theme) ?? "");
  document.getElementById("app").replaceChildren(
    h("a", { class: "skip", href: "#main", onclick: (event) =>
      { event.preventDefault(); main.focus(); } },
      "To the content"),
    h("header", null,
      h("a", { class: "brand", href: addressOf("search") }, "Human Memory"), chooser,
      h("span", { class: "tools" },
        button("Key", () => keyDialog.showModal(), { class: "quiet",
          title: "Give or change the API key" }),
        button("◐", otherTheme, { class: "quiet", title: "Light or dark",
          "aria-label": "Light or dark" }),
        h("a", { href: "docs", title: "The HTTP API" }, "API"))),
    nav, trouble, main, announced, keyDialog);
  addEventListener("hashchange", () => show());
  document.addEventListener("keydown", pressed);
  show();
}

start();
