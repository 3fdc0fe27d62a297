import { note } from "../dom.js";
export const title = "Timeline";
export async function show({ root }) { root.append(note("soon")); }
