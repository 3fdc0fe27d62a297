import { note } from "../dom.js";
export const title = "Maintenance";
export async function show({ root }) { root.append(note("soon")); }
