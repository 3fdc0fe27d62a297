import { note } from "../dom.js";
export const title = "Operations";
export async function show({ root }) { root.append(note("soon")); }
