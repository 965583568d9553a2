// Subscribes this browser to notices: it asks the browser, fills what it answers into the form, and sends that.
const form = document.getElementById("subscribe");
const news = document.getElementById("subscribe-news");
const button = form?.querySelector("button");

const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") {
    throw new Error("The browser was told to show no notices of this page. Its settings can change that.");
  }
  await navigator.serviceWorker.register("/service-worker.js", { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const key = bytes(form.dataset.key);
  const before = await registration.pushManager.getSubscription();
  if (before && base64url(before.options.applicationServerKey) !== form.dataset.key) {
    await before.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

if (form && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  button.disabled = false;
  news.textContent = "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    news.textContent = "Asking the browser…";
    try {
      const subscription = await subscribe();
      form.elements.endpoint.value = subscription.endpoint;
      form.elements.p256dh.value = base64url(subscription.getKey("p256dh"));
      form.elements.auth.value = base64url(subscription.getKey("auth"));
      form.elements.name.value ||= navigator.userAgentData?.platform || "a browser";
      form.submit();
    } catch (error) {
      news.textContent = error.message;
      button.disabled = false;
    }
  });
}
