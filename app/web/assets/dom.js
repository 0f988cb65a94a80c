// What every part of the page builds with. Text of models and documents only ever becomes text nodes: nothing here parses
// HTML, and the policy that the page is served under would refuse it.

export const byId = (id) => document.getElementById(id);
export const announce = (text) => (byId("status").textContent = text);

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export const counted = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
export const duration = (ms) => (ms < 1000 ? `${Math.round(ms)}\u00a0ms` : `${(ms / 1000).toFixed(1)}\u00a0s`);
