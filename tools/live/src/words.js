// Small things that the page's parts share: how they say numbers, how they make elements.

/** A duration in ms, in seconds: "0.4 s", "12 s", "2 min 5 s". */
export function seconds(ms) {
  const s = ms / 1000;
  if (s < 0.05) return "under 0.1 s";
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  return [`${Math.floor(whole / 60)} min`, whole % 60 ? `${whole % 60} s` : ""].filter(Boolean).join(" ");
}

/** Bytes in MB, as a download is counted. */
export const megabytes = (bytes) => `${Math.max(1, Math.round(bytes / 1e6))} MB`;

/** An element with attributes, and text or elements in it. */
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content);
  return made;
}

/** A button with words on it. */
export function button(text, pressed, attributes = {}) {
  const made = element("button", { type: "button", class: "live-button", ...attributes }, text);
  made.addEventListener("click", pressed);
  return made;
}
