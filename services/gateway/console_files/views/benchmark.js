import { note } from "../dom.js";
export const title = "Benchmark";
export async function show({ root }) { root.append(note("soon")); }
