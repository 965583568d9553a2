// Shows notices, and leads to the proposal. It decides nothing: what is tapped is an intent, for the page to carry out.
self.addEventListener("push", (event) => {
  let notice = {};
  try {
    notice = event.data.json();
  } catch {
    // Nothing that could be read: there is news all the same.
  }
  const options = {
    body: String(notice.body ?? ""),
    tag: String(notice.tag ?? "countersign"),
    renotify: Boolean(notice.urgent),
    requireInteraction: Boolean(notice.urgent),
    data: { url: notice.url ?? "/" },
    actions: (Array.isArray(notice.actions) ? notice.actions : [])
      .filter((one) => one.action === "approve" || one.action === "deny")
      .slice(0, 2)
      .map((one) => ({ action: one.action, title: String(one.title) })),
  };
  event.waitUntil(self.registration.showNotification(String(notice.title ?? "Countersign"), options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  let url = new URL(event.notification.data?.url ?? "/", self.location.origin);
  if (url.origin !== self.location.origin) {
    url = new URL("/", self.location.origin);
  }
  if (event.action === "approve" || event.action === "deny") {
    url.searchParams.set("intent", event.action);
  }
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: "window" });
      const open = pages.find((page) => page.url === url.href);
      return open ? open.focus() : self.clients.openWindow(url.href);
    })(),
  );
});
