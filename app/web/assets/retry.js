// A button that does something again, as soon as the time that the service asked for has passed.

import { announce, counted, element } from "./dom.js";

// `name` is what the button does, as in "Ask again".
export function retryButton(name, afterS, again) {
  const button = element("button", { type: "button", className: "quiet", textContent: name });
  const wait = element("span", { className: "hint" });
  const row = element("div", { className: "row" }, button, wait);
  const since = performance.now();
  button.addEventListener("click", () => button.ariaDisabled || again(row));
  const tick = () => {
    const left = Math.ceil(afterS - (performance.now() - since) / 1000);
    button.ariaDisabled = left > 0 ? "true" : null;
    wait.textContent = left > 0 ? `The service asks to wait ${counted(left, "second")}.` : "";
    if (left > 0) setTimeout(tick, 500);
    else if (afterS && row.isConnected) announce("You can try again now.");
  };
  tick();
  return row;
}
