// What a reader can do with an answer: rate it, take the rating back, copy it.

import { announce, element } from "./dom.js";
import { Problem, rate } from "./service.js";

const COPIED = "Copied, with its sources' titles.";
const NOT_COPIED = "Your browser did not let the page copy. Select the answer and copy it yourself.";
const RATINGS = { up: "Helpful", down: "Not helpful" };

export function actions(answerId, turn) {
  const outcome = element("span", { className: "hint" });
  const ratings = Object.entries(RATINGS).map(([value, name]) => {
    const properties = { type: "button", className: `quiet rate ${value}`, ariaPressed: "false", textContent: name, value };
    return element("button", properties);
  });
  for (const button of ratings) {
    button.addEventListener("click", async () => {
      outcome.textContent = await chosen(answerId, button, ratings);
      announce(outcome.textContent);
    });
  }
  const row = element("div", { className: "actions row", role: "group", ariaLabel: "This answer" }, ...ratings, outcome);
  // A browser gives the clipboard to pages on https and on this machine only.
  if (navigator.clipboard) outcome.before(copyButton(turn, outcome));
  return row;
}

// Sends the rating that a press means and returns how that went.
async function chosen(answerId, button, ratings) {
  const before = ratings.map(({ ariaPressed }) => ariaPressed);
  const isTakenBack = button.ariaPressed === "true";
  for (const other of ratings) other.ariaPressed = String(other === button && !isTakenBack);
  try {
    await rate(answerId, isTakenBack ? "none" : button.value);
    return isTakenBack ? "Rating taken back." : "Thank you. Press again to take it back.";
  } catch (error) {
    ratings.forEach((other, place) => (other.ariaPressed = before[place]));
    return `The rating was not taken. ${Problem.sentence(error)}`;
  }
}

function copyButton(turn, outcome) {
  const button = element("button", { type: "button", className: "quiet copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    const cited = turn.sources.sources.filter(({ classList }) => classList.contains("cited"));
    const list = cited.map(({ number, title }) => `[${number}] ${title}`).join("\n");
    const isCopied = await navigator.clipboard.writeText(list ? `${turn.text}\n\n${list}` : turn.text).then(
      () => true,
      () => false,
    );
    announce((outcome.textContent = isCopied ? COPIED : NOT_COPIED));
  });
  return button;
}
