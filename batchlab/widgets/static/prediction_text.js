// What is predicted, in words; and the small sums behind it. Needs no page.

import { duration } from "./format.js";

export function amount(number, unit) {
  const text = Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(4)));
  const one = text === "1" && unit.length > 1 && unit.endsWith("s") ? unit.slice(0, -1) : unit;
  return `${text} ${one}`.trim();
}

export function textOf(kind, options, value) {
  if (kind === "number") return amount(value, options.unit);
  if (kind === "order") return value.join(", ");
  if (kind === "curve") return `${amount(value[0], options.unit)} at first, ${amount(Math.max(...value), options.unit)} at most`;
  return value;
}

// A list with one item in another place.
export function moved(list, from, to) {
  const rest = list.filter((_, place) => place !== from);
  rest.splice(to, 0, list[from]);
  return rest;
}

// The distance between values that can be drawn: whole ones, if there are not too many.
export function stepOf(most) {
  return most >= 4 ? Math.max(1, Math.round(most / 100)) : most / 40;
}

// Values with those between two columns on the line between two points; new ones begin as the first.
export function drawn(values, columns, from, to) {
  const next = values ? [...values] : Array(columns).fill(from.value);
  const [left, right] = from.column <= to.column ? [from, to] : [to, from];
  for (let column = left.column; column <= right.column; column += 1) {
    const part = right.column === left.column ? 1 : (column - left.column) / (right.column - left.column);
    next[column] = left.value + (right.value - left.value) * part;
  }
  if (from.column === to.column) next[to.column] = to.value;
  return next;
}

export function whereText(options, column, value) {
  return `${amount(value, options.unit)} after ${duration((column + 0.5) * options.seconds / options.columns)}`;
}
