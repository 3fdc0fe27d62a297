import { note } from "../dom.js";
export const title = "Graph";
export async function show({ root }) { root.append(note("soon")); }
