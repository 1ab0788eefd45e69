// Search, filter and order of the cluster cards; times in the reader's zone. The page reads well without it.
"use strict";
(() => {
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = at.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  }
  const zone = document.querySelector("#zone");
  if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

  const list = document.querySelector("#clusters");
  const search = document.querySelector("#search");
  const trend = document.querySelector("#trend");
  const order = document.querySelector("#order");
  const found = document.querySelector("#found");
  if (!list || !search) return;
  const cards = [...list.children].map((card) => ({ card, text: card.textContent.toLowerCase() }));
  const by = {
    urgency: (a, b) => a.dataset.rank - b.dataset.rank,
    size: (a, b) => b.dataset.size - a.dataset.size,
    last: (a, b) => b.dataset.last - a.dataset.last,
    first: (a, b) => b.dataset.first - a.dataset.first,
  };
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { card, text } of cards) {
      const fits = words.every((word) => text.includes(word)) && (!trend.value || card.dataset.trend === trend.value);
      card.hidden = !fits;
      shown += fits;
    }
    found.textContent = shown === cards.length ? "" : `${shown} of ${cards.length} clusters`;
  };
  const sort = () => list.append(...cards.map(({ card }) => card).sort(by[order.value]));
  search.addEventListener("input", show);
  trend.addEventListener("change", show);
  order.addEventListener("change", sort);
  document.querySelector(".tools").hidden = false;
})();
