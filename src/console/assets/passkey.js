// Passkeys: where a form asks for one, the browser is asked first, and what it says goes with the form.
//
// data-passkey-get and data-passkey-create hold what the browser is asked for, as JSON. data-passkey-from names a page
// of ours that gives it afresh, with the question that belongs to it: that page's challenge lives for a minute only.

const WORDS = {
  none: "This browser can't use passkeys. Try another browser, or another device.",
  NotAllowedError: "No passkey was used. Perhaps it took too long, or the window was closed. Try again.",
  AbortError: "That was interrupted. Try again.",
  InvalidStateError: "This device has a passkey for you already. Use that one to sign in.",
  SecurityError: "This page's address is not the one that the passkeys are for.",
  NotSupportedError: "This device can't make or use such a passkey.",
  offline: "The service can't be reached. Try again.",
  other: "That did not work. Try again, or use another device.",
};

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) => {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

function options(json) {
  const read = JSON.parse(json);
  const credentials = (list) => list?.map((one) => ({ ...one, id: toBytes(one.id) }));
  read.challenge = toBytes(read.challenge);
  if (read.user) read.user.id = toBytes(read.user.id);
  if (read.allowCredentials) read.allowCredentials = credentials(read.allowCredentials);
  if (read.excludeCredentials) read.excludeCredentials = credentials(read.excludeCredentials);
  return read;
}

function said(credential) {
  const { response } = credential;
  const told = { clientDataJSON: toText(response.clientDataJSON) };
  if (response.signature) {
    told.authenticatorData = toText(response.authenticatorData);
    told.signature = toText(response.signature);
  } else {
    told.authenticatorData = toText(response.getAuthenticatorData());
    told.publicKey = toText(response.getPublicKey());
  }
  return JSON.stringify({ id: credential.id, rawId: toText(credential.rawId), type: credential.type, response: told });
}

async function ask(form) {
  if (!window.PublicKeyCredential || !navigator.credentials) throw { name: "none" };
  const { passkeyGet, passkeyCreate, passkeyFrom } = form.dataset;
  let asked = passkeyGet ?? passkeyCreate;
  if (passkeyFrom) {
    const answer = await fetch(passkeyFrom).catch(() => undefined);
    if (!answer?.ok) throw { name: "offline" };
    const fresh = await answer.json();
    form.elements.asked.value = fresh.asked;
    asked = fresh.options;
  }
  const publicKey = options(asked);
  const create = passkeyCreate !== undefined;
  const credential = create
    ? await navigator.credentials.create({ publicKey })
    : await navigator.credentials.get({ publicKey });
  if (!credential) throw { name: "NotAllowedError" };
  form.elements.credential.value = said(credential);
}

const answered = new WeakSet();
const busy = new WeakSet();

async function submit(event) {
  const form = event.target.closest("form[data-passkey-get], form[data-passkey-create]");
  if (!form || answered.has(form)) return;
  event.preventDefault();
  if (busy.has(form)) return;
  busy.add(form);
  const alert = form.querySelector("[role=alert]");
  if (alert) alert.textContent = "";
  try {
    await ask(form);
    answered.add(form);
    form.requestSubmit(event.submitter);
  } catch (error) {
    if (alert) alert.textContent = WORDS[error.name] ?? WORDS.other;
  } finally {
    busy.delete(form);
    answered.delete(form);
  }
}

document.addEventListener("submit", submit);
