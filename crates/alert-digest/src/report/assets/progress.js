// Asks how far the report is and loads it when it is there.
"use strict";
(() => {
  const stage = document.querySelector("#stage");
  const count = document.querySelector("#count");
  let pause = 1000;
  const ask = async () => {
    try {
      const answer = await fetch(document.body.dataset.status, { cache: "no-store" });
      if (answer.status === 404) return location.reload();
      if (answer.ok) {
        const job = await answer.json();
        if (job.final) return location.reload();
        stage.textContent = job.words;
        count.textContent = job.messages.toLocaleString();
      }
    } catch {
      // The server restarts or the phone sleeps: ask again.
    }
    pause = Math.min(pause * 1.2, 5000);
    setTimeout(ask, pause);
  };
  setTimeout(ask, pause);
})();
