// Concepts and relations; what a concept is close to, and which memories it brings to mind.

import { at, get, post } from "../api.js";
import { narrow } from "../charts.js";
import { action, add, button, field, fill, h, note, said, svg, table } from "../dom.js";
import { count, counted, nats } from "../format.js";
import { laidOut } from "../layout.js";

export const title = "Graph";
const NODES_MAX = 80;
const [WIDTH, HEIGHT] = narrow ? [380, 400] : [800, 520];
const MEMORIES = 7;

export async function show(context) {
  const { root, params, signal } = context;
  const graph = await get("v1/graph/export", { limit: NODES_MAX }, signal);
  add(root, h("h1", null, "Graph"));
  if (!graph.nodes.length) {
    add(root, note("No concept is here yet.",
      "Add one below; texts that name it are linked to it from then on."));
  } else {
    add(root,
      h("p", { class: "faint" }, graph.total > graph.nodes.length
        ? `The ${count(graph.nodes.length)} most active of ${count(graph.total)} concepts`
        : counted(graph.total, "concept"),
          `, ${counted(graph.edges.length, "relation")}. Size is activation.`),
      picture(graph, context));
  }
  if (params.concept) await chosen(context);
  add(root, changes(graph, context));
}

function picture(graph, { params, addressOf }) {
  const places = laidOut(graph, WIDTH, HEIGHT);
  return h("section", { class: "picture" }, svg("svg", {
    class: "graph", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group",
      "aria-label": "Concepts and relations",
  },
  graph.edges.map((edge) => {
    const [from, to] = [places.get(edge.source), places.get(edge.target)];
    return svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: "edge",
      "stroke-width": 0.5 + 2.5 * edge.weight },
    svg("title", null,
      `${edge.source} ${edge.relation_type} ${edge.target}, weight ${edge.weight}`));
  }),
  graph.nodes.map((node) => {
    const { x, y } = places.get(node.name);
    const radius = 6 + 12 * node.activation;
    return svg("a", { href: addressOf("graph", { concept: node.name }),
      class: node.name === params.concept ? "node chosen" : "node" },
    svg("title", null, `${node.name}, ${node.type}, activation ${node.activation}`),
    svg("circle", { cx: x, cy: y, r: radius }),
    svg("text", { x, y: y + radius + 13, "text-anchor": "middle" },
      node.name.length > 22 ? `${node.name.slice(0, 21)}…` : node.name));
  })));
}

async function chosen({ root, params, signal, refresh, go, addressOf }) {
  const name = params.concept;
  const [concept, near, found] = await Promise.all([
    get("v1/graph/concepts", { name }, signal),
    post("v1/graph/search", { active_concepts: [name], depth: 2, limit: 12 }, signal),
    post("v1/memories/search", { query: name, active_concepts: [name], top_k: MEMORIES,
      record_access: false, explain: true }, signal)]);
  const link = (other) => h("a", { href: addressOf("graph", { concept: other }), dir: "auto" },
    other);
  const linked = found.results.filter((each) => each.reasons.concepts[concept.name] > 0);
  add(root, h("section", { id: "concept" },
    h("h2", { dir: "auto" }, concept.name),
    h("p", { class: "faint" }, `${concept.type}, activation ${concept.activation}`,
      concept.aliases?.length ? `, also ${concept.aliases.join(", ")}` : ""),
    h("div", { class: "numbers" },
      table(["relation", "with", "weight"], concept.relationships.map((each) => [
        `${each.direction === "in" ? "← " : "→ "}${each.relation_type}`,
        link(each.direction === "in" ? each.source : each.target), each.weight.toFixed(2)]),
          "Relations"),
      table(["spreads to", "path weight"], near.map((each) =>
        [link(each.name), each.path_weight.toFixed(3)]), "Concepts near it")),
    h("h3", null, "Memories that it brings to mind"),
    linked.length ? h("ol", { class: "focus" }, linked.map((each) => h("li", null,
      h("a", { class: "open", href: addressOf("memory", { id: each.memory_id }) },
        said(each.content)),
      h("span", { class: "faint" },
        ` +${nats(each.reasons.concepts[concept.name])} nats from it`))))
      : h("p", { class: "faint" }, "None."),
    h("p", { class: "actions" }, removal(concept.name, go, refresh))));
}

function removal(name, go) {
  const place = h("span");
  const closed = () => fill(place, button("Delete…", () => fill(place,
    h("span", { class: "warned" },
      "Its relations and links to memories go with it; the memories stay. "),
    action("Delete it", async () => {
      await post(at("graph", "concepts", "delete"), { name });
      go("graph");
    }, { class: "danger" }), " ", button("Keep it", closed)), { class: "danger" }));
  closed();
  return place;
}

function changes(graph, { refresh }) {
  const text = (id, properties) => h("input", { id, autocomplete: "off", maxlength: "200",
    ...properties });
  const [name, type] = [text("concept-name"), text("concept-type", { value: "concept" })];
  const names = h("datalist", { id: "concepts" }, graph.nodes.map((node) => h("option",
    { value: node.name })));
  const [source, target] = [text("source", { list: "concepts" }), text("target",
    { list: "concepts" })];
  const [kind, weight] = [text("relation", { value: "RELATED_TO" }),
    h("input", { id: "weight", type: "number", min: 0, max: 1, step: 0.05, value: 0.5 })];
  return h("section", null, h("h2", null, "Add"), names,
    h("div", { class: "fields" }, field("Concept", name), field("Type", type)),
    action("Add the concept", async () => {
      await post("v1/graph/concepts", { name: name.value, type: type.value });
      await refresh("The concept was added.");
    }, { id: "add-concept" }),
    h("div", { class: "fields" }, field("From", source), field("Relation", kind), field("To",
      target),
      field("Weight, 0 to 1", weight)),
    action("Relate them", async () => {
      await post("v1/graph/relations", { source: source.value, target: target.value,
        relation_type: kind.value, weight: Number(weight.value) });
      await refresh("The relation was added.");
    }, { id: "relate" }));
}
