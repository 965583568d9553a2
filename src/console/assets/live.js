// Live: says what changed while somebody looks, without moving anything under their thumb; and counts down.

const place = document.querySelector("[data-live]");
const news = place?.querySelector(".news");
const skew = place ? Number(place.dataset.now) - Date.now() : 0;

// Time that is left.
const span = (seconds) => {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes >= 5) return `${minutes} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
};
const tick = () => {
  const now = Date.now() + skew;
  for (const left of document.querySelectorAll("[data-until]")) {
    const until = Number(left.dataset.until);
    if (!until) continue;
    const seconds = Math.max(0, Math.floor((until - now) / 1000));
    const words = seconds ? `${span(seconds)} left` : "time is over";
    if (left.textContent !== words) left.textContent = words;
    left.classList.toggle("soon", seconds < 300);
  }
  for (const hold of document.querySelectorAll("[data-hold]")) {
    if (Number(hold.dataset.hold) <= now) hold.hidden = true;
  }
};
if (place) {
  tick();
  setInterval(tick, 1000);
}

// What changes.
const say = (words) => {
  if (!news) return;
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "Reload";
  again.addEventListener("click", (event) => { event.preventDefault(); location.reload(); });
  news.replaceChildren(`${words} `, again);
};

let yours = Number(place?.dataset.yours ?? 0);
const mine = new Set([...document.querySelectorAll("[data-yours][data-id]")].map((line) => line.dataset.id));
const seen = new Set([...document.querySelectorAll("li[data-id]")].map((line) => line.dataset.id));
const fresh = new Set();

const badge = () => {
  const title = place.dataset.title;
  if (!title) return;
  document.title = `${yours ? `(${yours}) ` : ""}${title} · Countersign`;
  const count = document.querySelector("[data-count]");
  if (count) count.textContent = yours;
  if (navigator.setAppBadge) (yours ? navigator.setAppBadge(yours) : navigator.clearAppBadge()).catch(() => {});
};

const queue = (told) => {
  if (told.yours && !mine.has(told.id)) { mine.add(told.id); yours += 1; }
  if (!told.yours && mine.delete(told.id)) yours = Math.max(0, yours - 1);
  badge();
  for (const line of document.querySelectorAll("li[data-id]")) {
    if (line.dataset.id !== told.id) continue;
    line.querySelector(".state").textContent = told.words;
    line.classList.toggle("over", told.over);
  }
  if (told.yours && !seen.has(told.id)) fresh.add(told.id);
  if (!told.yours) fresh.delete(told.id);
  if (fresh.size) say(fresh.size === 1 ? "A new request waits for you." : `${fresh.size} new requests wait for you.`);
};

const proposal = (told) => {
  if (told.over) say(`This is over: ${told.words}.`);
  else say(`Something changed: ${told.words}.`);
};

// How things stand when the connection begins, or begins again: what came between the page and that shows in it.
const stands = (told) => {
  if (place.dataset.id) {
    if (told.words !== place.dataset.words) proposal(told);
  } else if (told.yours !== yours) {
    yours = told.yours;
    badge();
    say("The queue has changed.");
  }
};

const connect = () => {
  const events = new EventSource(place.dataset.live);
  events.addEventListener("stands", (event) => stands(JSON.parse(event.data)));
  events.addEventListener("missed", () => say("Much has changed."));
  events.addEventListener("changed", (event) => {
    const told = JSON.parse(event.data);
    if (place.dataset.id) proposal(told); else queue(told);
  });
  // The browser connects again by itself, but not where it was told that there is no room.
  events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) setTimeout(connect, 20000); });
  addEventListener("pagehide", () => events.close());
};
if (place?.dataset.live) {
  connect();
  badge();
}
