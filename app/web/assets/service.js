// The HTTP API as the page uses it, signed in by a cookie that scripts cannot read.

const UNREACHABLE = "The answer service cannot be reached. Check that it is running, then try again.";
const LOST = "The connection to the service was lost.";
const FOREIGN = "Something other than the service answered, a sign-in page perhaps. Reload this page, then try again.";
const SENTENCES = {
  401: "You are signed out. Sign in, then try again.",
  413: "That is larger than this service takes.",
  422: "The service could not read that.",
  503: "The service is not ready: it is starting, stopping or waiting for its operator.",
  429: "The service has too much to do just now.",
};

const PARTS = { vector_store: "the document index", embedder: "the embedding service", generator: "the answer generator" };
export const parts = (names) => names.map((name) => PARTS[name] ?? `the ${name.replaceAll("_", " ")}`).join(" and ");

// What changes need beside the cookie, so that no other page can make them.
let csrfToken = "";
const proof = () => (csrfToken ? { "X-CSRF-Token": csrfToken } : {});

// An error whose message is a sentence for the person in front of the page. Where trying again may help, `retryAfterS` says
// in how many seconds.
export class Problem extends Error {
  constructor(message, status, retryAfterS = 0) {
    super(message);
    const isTransient = status === undefined || status === 429 || status >= 500;
    Object.assign(this, { status, retryAfterS: isTransient ? retryAfterS : null });
  }

  // What to tell the person. A defect of the page itself surfaces.
  static sentence(error) {
    if (!(error instanceof Problem)) throw error;
    return error.message;
  }

  static of({ status, detail, title }, retryAfter) {
    const unnamed = `The service answered with an error (${status}) and did not say why.`;
    return new Problem(detail || SENTENCES[status] || title || unnamed, status, Number(retryAfter) || 0);
  }

  static parse(status, text, retryAfter) {
    if (status === 401) {
      dispatchEvent(new Event("signed-out"));
      return Problem.of({ status });
    }
    try {
      return Problem.of({ ...JSON.parse(text), status }, retryAfter);
    } catch {
      return Problem.of({ status }, retryAfter);
    }
  }
}

const orProblem = (sentence) => (error) => {
  throw error.name === "AbortError" ? error : new Problem(sentence);
};

async function request(path, { headers, ...options } = {}) {
  const response = await fetch(path, { ...options, headers: { ...headers, ...proof() } }).catch(
    orProblem(UNREACHABLE),
  );
  if (!response.ok) throw Problem.parse(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

const json = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(FOREIGN);
  }
}

export const getJson = async (path) => parsed(await (await request(path)).text().catch(orProblem(LOST)));

export const beginSession = (key) => request("session", json({ key }));
export const endSession = () => request("session", { method: "DELETE" });

// Who is signed in, and in which ways one can be; none where nobody has to.
export async function readSession() {
  const session = await getJson("session");
  csrfToken = session.csrf_token ?? "";
  return session;
}

export const remove = (docId) => request(`v1/documents/${docId}`, { method: "DELETE" });

// A rating is `up`, `down` or, to take it back, `none`.
export const rate = (answerId, rating) => request("v1/feedback", json({ answer_id: answerId, rating }));

// Yields [event, data] as they arrive; the last is `done` or `error`, else a Problem says that the connection was lost.
export async function* answerEvents(query, messages, signal) {
  const asked = json({ query, stream: true, ...(messages.length && { messages }) });
  const response = await request("v1/query", { ...asked, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read().catch(orProblem(LOST));
    if (done) throw new Problem(LOST);
    const blocks = (buffer + value).split(/\r?\n\r?\n/);
    buffer = blocks.pop();
    for (const [event, data] of blocks.map(parseEvent).filter(Boolean)) {
      yield [event, data];
      if (event === "done" || event === "error") return;
    }
  }
}

function parseEvent(block) {
  const fields = block.split(/\r?\n/).map((line) => /^(event|data): ?(.*)$/.exec(line) ?? []);
  const values = (name) => fields.filter((field) => field[1] === name).map((field) => field[2]);
  const data = values("data").join("\n");
  return data && [values("event")[0], JSON.parse(data)];
}

// Uploads go through XMLHttpRequest, because fetch does not report how much of a body has been sent.
export async function upload(file, onSent) {
  const transfer = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file);
  transfer.open("POST", "v1/documents");
  for (const [name, value] of Object.entries(proof())) transfer.setRequestHeader(name, value);
  transfer.upload.onprogress = ({ loaded, total }) => onSent(loaded / total);
  await new Promise((resolve, reject) => {
    transfer.onload = resolve;
    transfer.onerror = () => reject(new Problem(UNREACHABLE));
    transfer.send(form);
  });
  const { status, responseText } = transfer;
  if (status !== 200) throw Problem.parse(status, responseText, transfer.getResponseHeader("Retry-After"));
  return parsed(responseText);
}
