// A draft of the policy: tries it while it is written, a moment after the last change, one at a time.

const form = document.querySelector("form[data-draft]");
const result = document.getElementById("result");
const PAUSE = 700;
let timer;
let trying = false;
let changed = false;

const later = (wait) => {
  clearTimeout(timer);
  timer = setTimeout(attempt, wait);
};

const attempt = async () => {
  if (trying) {
    changed = true;
    return;
  }
  trying = true;
  changed = false;
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("result");
    // Somebody else's draft is being tried, or this one was sent twice: again in a moment.
    if (answer.status === 409) changed = true;
    else if (next) result.replaceChildren(...next.childNodes);
  } catch {
    // Without an answer what was shown stays; the button still works.
  } finally {
    trying = false;
    result.removeAttribute("aria-busy");
    if (changed) later(PAUSE);
  }
};

if (form && result) form.addEventListener("input", () => later(PAUSE));
