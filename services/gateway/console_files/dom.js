// Elements out of names, properties and children. Text is only ever a text node: whatever a memory
// says, it is data.

const SVG = "http://www.w3.org/2000/svg";

function made(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return add(element, ...children);
}

const there = (children) => children.flat(Infinity).filter((each) => each || each === 0);

// Lists are spread, and what is null or false is left out.
export function add(element, ...children) {
  element.append(...there(children));
  return element;
}
export const fill = (element, ...children) => element.replaceChildren(...there(children));

export const h = (tag, properties, ...children) =>
  made(document.createElement(tag), properties, children);

export const svg = (tag, properties, ...children) =>
  made(document.createElementNS(SVG, tag), properties, children);

export const button = (text, onclick, properties) =>
  h("button", { type: "button", onclick, ...properties }, text);

// A button that does something at the server: it is off meanwhile, and an error is told beside it.
export function action(text, perform, properties) {
  const said = h("span", { role: "status", class: "said" });
  const made = button(text, async () => {
    made.disabled = true;
    said.textContent = "";
    said.classList.remove("bad");
    try {
      said.textContent = (await perform()) ?? "";
    } catch (error) {
      said.classList.add("bad");
      said.textContent = error.message;
    } finally {
      made.disabled = false;
    }
  }, properties);
  return h("span", { class: "action" }, made, " ", said);
}

export const field = (label, input, hint) =>
  h("label", { class: "field" }, h("span", null, label), input, hint && h("small", null, hint));

export const select = (properties, choices, chosen) =>
  h("select", properties, choices.map(([value, text]) =>
    h("option", { value, selected: value === chosen }, text)));

// Text of a memory in its own direction; a long one is folded until somebody unfolds it.
export function said(text, { marks = [], folded = 700 } = {}) {
  const body = h("div", { class: "said-text", dir: "auto" }, marked(text, marks));
  if (text.length <= folded) return body;
  body.classList.add("folded");
  const more = button("Show all", () => {
    const folds = body.classList.toggle("folded");
    more.textContent = folds ? "Show all" : "Show less";
    more.setAttribute("aria-expanded", String(!folds));
  }, { class: "link", "aria-expanded": "false" });
  return h("div", null, body, more);
}

const WORD = /([\p{L}\p{M}\p{N}]+)/u;

// The service compares stems; the mark is on the word as it stands.
function marked(text, stems) {
  if (!stems.length) return text;
  return text.split(WORD).map((piece, index) =>
    index % 2 && stems.some((stem) => isOf(piece.toLowerCase(), stem)) ? h("mark", null, piece)
      : piece);
}

// The first word of a text with this stem, as it stands there; else the stem.
export const wordOf = (text, stem) =>
  text.split(WORD).find((piece, index) => index % 2 && isOf(piece.toLowerCase(), stem)) ?? stem;

// "happi" is the stem of "happy", "live" that of "living": the last letter may have changed.
function isOf(word, stem) {
  if (word === stem) return true;
  const kept = stem.length > 4 ? stem.slice(0, -1) : stem;
  return stem.length > 2 && word.startsWith(kept) && word.length <= stem.length + 4;
}

export const table = (head, rows, caption) =>
  h("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("caption", { class: "hidden" }, caption),
      h("thead", null, h("tr", null, head.map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", null, rows.map((row) => h("tr", null, row.map((each) => h("td", null, each)))))));

export const note = (title, ...more) =>
  h("div", { class: "note" }, h("strong", null, title), more.length ? h("p", null, more) : null);
