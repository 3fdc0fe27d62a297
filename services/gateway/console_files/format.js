// Numbers with units and moments in words.

const number = new Intl.NumberFormat(undefined);
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

const UNITS = [
  ["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["day", 86_400],
  ["hour", 3_600], ["minute", 60], ["second", 1],
];

export const count = (value) => number.format(value);
export const counted = (value, one, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`;
export const nats = (value, digits = 2) => value.toFixed(digits).replace("-", "−");
export const signed = (value, digits = 2) => (value < 0 ? "" : "+") + nats(value, digits);
export const percent = (value) =>
  value > 0.995 && value < 1 ? "over 99 %" : `${Math.round(value * 100)} %`;
export const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

// The largest unit of which there are at least two, so that "13 days" is not "1 week".
export function duration(seconds) {
  const size = Math.abs(seconds);
  const [name, length] = UNITS.find(([, each]) => size >= 2 * each) ?? UNITS.at(-1);
  return counted(Math.round(size / length), name);
}

export function ago(moment, now = Date.now()) {
  const seconds = (now - new Date(moment)) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(seconds)}`;
}

export const when = (moment) => dateTime.format(new Date(moment));
export const day = (moment) => dateOnly.format(new Date(moment));
export const clock = (moment) => clockTime.format(new Date(moment));
export const short = (text, most = 80) => (text.length > most ? `${text.slice(0, most - 1)}…`
  : text);

// Between the clock of an input in the reader's own zone, and the moment that the API takes.
export function localInput(moment) {
  const at = new Date(moment);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export const fromLocalInput = (text) => (text ? new Date(text).toISOString() : undefined);
