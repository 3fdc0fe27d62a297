// The HTTP API: one function for requests, one for streams, and errors in words.

const NAMESPACE = /^(.*\/)ns\/([^/]+)\/$/;

// The page may lie behind a proxy's prefix, and below /ns/{namespace}.
const here = new URL(".", document.baseURI);
const below = NAMESPACE.exec(here.pathname);
const root = below ? new URL(below[1], here) : here;
export const namespaceOfPath = below ? decodeURIComponent(below[2]) : null;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const access = {
  namespace: "default",
  key: sessionStorage.getItem("human-memory-key") ?? "",
  // What to do when a key is wanted; the application sets it.
  refused: () => {},
  // Told of every answer, and of none.
  reached: () => {},
};

function requestOf(method, { body, accept, signal }) {
  const headers = { Accept: accept, "X-Memory-Namespace": access.namespace };
  if (access.key) headers.Authorization = `Bearer ${access.key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
}

function urlOf(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), root);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

async function answered(method, path, { query, body, signal, accept = "application/json", also }) {
  let response;
  try {
    response = await fetch(urlOf(path, query), requestOf(method, { body, accept, signal }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    access.reached(false);
    throw new ApiError(0, "The gateway does not answer. Is it running?");
  }
  access.reached(true);
  if (response.ok || response.status === also) return response;
  const error = new ApiError(response.status, await wordsOf(response));
  if (error.status === 401) access.refused();
  throw error;
}

async function wordsOf(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail)) return detail.map((each) => each.msg).join("; ");
  } catch {
    // It is no JSON: a proxy has answered.
  }
  return `The answer was ${response.status} ${response.statusText}.`;
}

const json = async (method, path, options = {}) =>
  (await answered(method, path, options)).json();

export const get = (path, query, signal) => json("GET", path, { query, signal });
export const post = (path, body, signal) => json("POST", path, { body: body ?? {}, signal });
export const remove = (path) => json("DELETE", path);
export const at = (...segments) =>
  `v1/${segments.map((each) => encodeURIComponent(each)).join("/")}`;

// It answers 503 with the same body.
export const readiness = (signal) => json("GET", "ready", { signal, also: 503 });

// Server-sent events. `EventSource` can't send a key.
export async function* events(method, path, { query, body, signal, opened }) {
  const accept = "text/event-stream";
  const response = await answered(method, path, { query, body, signal, accept });
  opened?.();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const found = eventOf(block);
      if (found) yield found;
    }
  }
}

function eventOf(block) {
  const event = {};
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) event[name] = name in event ? `${event[name]}\n${value}` : value;
  }
  return event.data === undefined ? null : { ...event, data: JSON.parse(event.data) };
}
