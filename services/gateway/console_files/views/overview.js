import { note } from "../dom.js";
export const title = "Overview";
export async function show({ root }) { root.append(note("soon")); }
