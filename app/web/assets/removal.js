// Taking a document out of the index. Asked first, since nothing brings it back but adding it again.

import { announce, byId, element } from "./dom.js";
import { Problem, remove } from "./service.js";

const button = (className, textContent) => element("button", { type: "button", className, textContent });

// The button of a document's row; pressed, a question takes its place. `removed` shows the list without the document.
export function removal({ doc_id: docId, title }, removed) {
  const ask = Object.assign(button("link", "Remove"), { ariaLabel: `Remove ${title}` });
  const note = element("p", { className: "hint", textContent: "Remove it for everybody, for good?" });
  const keep = button("quiet", "Keep it");
  const confirm = button("quiet", "Remove it");
  const question = element("div", { className: "removal", role: "group", ariaLabel: `Remove ${title}?` }, note, confirm, keep);
  ask.addEventListener("click", () => {
    ask.replaceWith(question);
    keep.focus();
  });
  keep.addEventListener("click", () => {
    question.replaceWith(ask);
    ask.focus();
  });
  confirm.addEventListener("click", async () => {
    if (confirm.ariaDisabled) return;
    confirm.ariaDisabled = "true";
    try {
      await remove(docId);
    } catch (error) {
      confirm.ariaDisabled = null;
      announce((note.textContent = Problem.sentence(error)));
      return;
    }
    await removed();
    byId("documents-list").focus();
    announce(`${title} was removed.`);
  });
  return ask;
}
