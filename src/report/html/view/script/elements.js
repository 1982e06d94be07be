// Elements and numbers. Texts of a record become text nodes, never markup.
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

const fill = (node, attributes, kids) => {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false)
      node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...kids.filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return node;
};

const make = (name, attributes = {}, ...kids) => fill(document.createElement(name), attributes, kids);

const draw = (name, attributes = {}, ...kids) => fill(document.createElementNS(SVG_NAMESPACE, name), attributes, kids);

const button = (text, act, attributes = {}) => make("button", { type: "button", onclick: act, ...attributes }, text);

const grouped = (value, decimals = 3) => value.toLocaleString("en", { maximumFractionDigits: decimals });

// A moment, with the precision of the record.
const moment = (t) => `${(t / 1e9).toFixed(6)} s`;

const span = (ns) => {
  const size = Math.abs(ns);
  if (size >= 1e9) return `${grouped(ns / 1e9, 3)} s`;
  if (size >= 1e6) return `${grouped(ns / 1e6, 2)} ms`;
  return size >= 1e3 ? `${grouped(ns / 1e3, 1)} µs` : `${grouped(ns, 0)} ns`;
};

const SIZES = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
];

// By the kernel's numbers (include/net/tcp_states.h).
const STATES = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
];

const quantity = (value, unit) => {
  if (unit === "tcp-state") return STATES[value] ?? grouped(value);
  if (unit === "nanoseconds") return span(value);
  if (unit === "bytes" || unit === "bytes-per-second") {
    const size = SIZES.find(([, bytes]) => Math.abs(value) >= bytes);
    const text = size ? `${grouped(value / size[1], 2)} ${size[0]}` : `${grouped(value, 0)} B`;
    return unit === "bytes" ? text : `${text}/s`;
  }
  return unit === "per-second" ? `${grouped(value)}/s` : grouped(value);
};

const count = (number, noun, nouns = `${noun}s`) => `${grouped(number, 0)} ${number === 1 ? noun : nouns}`;

// Returns the index of the last time that is not after t, or -1.
const lastAt = (times, t) => {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

const sums = (differences) => {
  const numbers = new Float64Array(differences.length);
  let sum = 0;
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = sum += differences[index];
  return numbers;
};
