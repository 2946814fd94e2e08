// How far a file is that is being downloaded: the link names its export, and asks for it each second.
(() => {
  "use strict";
  const everySecond = 1000;
  const patience = 5; // answers in a row that know nothing of it

  const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((octet) => octet.toString(16).padStart(2, "0")).join("");

  const follow = (link, line, name) => {
    const where = link.dataset.export.replace("0000000000000000", name);
    let unknown = 0;
    const look = async () => {
      try {
        const answer = await fetch(where, { headers: { Accept: "application/json" } });
        if (answer.ok && !answer.redirected) {
          const standing = await answer.json();
          unknown = 0;
          line.hidden = false;
          line.textContent = standing.percent === null || standing.is_over ? standing.said : `${standing.percent}% · ${standing.said}`;
          if (standing.is_over) return;
        } else {
          unknown += 1;
        }
      } catch {
        unknown += 1;
      }
      if (unknown < patience) setTimeout(look, everySecond);
    };
    setTimeout(look, everySecond / 4);
  };

  document.querySelectorAll("a[data-export]").forEach((link) => {
    const line = link.parentElement.querySelector(".log-export");
    link.addEventListener("click", () => {
      const name = token();
      const address = new URL(link.href);
      address.searchParams.set("progress", name);
      link.href = address.href;
      follow(link, line, name);
    });
  });
})();
