// Adds to pages that are complete without it: sorts and filters tables, draws the interactive figures.
"use strict";
(() => {
  // ---- tables -------------------------------------------------------------------------------------------

  // What a cell is sorted by: its data-value, else its text; a number where it is one. Nothing is null.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = (cell.dataset.value ?? cell.textContent).trim();
    if (text === "" || text === "–") return null;
    const number = Number(text);
    return Number.isNaN(number) ? text : number;
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });

  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, column) }));
    rows.sort((a, b) => {
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return direction * compare(a.value, b.value);
    });
    body.append(...rows.map(({ row }) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      if (header.tagName !== "TH") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const now = header.getAttribute("aria-sort");
        // Numbers start with the largest, words with the first of the alphabet.
        const first = header.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const next = now === first ? other : first;
        for (const each of headers) if (each.tagName === "TH") each.setAttribute("aria-sort", "none");
        header.setAttribute("aria-sort", next);
        sort(table, column, next === "ascending" ? 1 : -1);
      });
    });
  }

  for (const filters of document.querySelectorAll(".filters")) {
    const rows = [...document.getElementById(filters.dataset.table).tBodies[0].rows];
    const texts = new Map(
      rows.map((row) => [row, [row.cells[0].textContent, ...Object.values(row.dataset)].join(" ").toLowerCase()]),
    );
    const field = filters.querySelector("input");
    const choices = [...filters.querySelectorAll("select")];
    const status = filters.querySelector("[role=status]");
    const apply = () => {
      const words = field.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !(
          words.every((word) => texts.get(row).includes(word)) &&
          choices.every((choice) => choice.value === "" || row.dataset[choice.dataset.key] === choice.value)
        );
        if (!row.hidden) shown += 1;
      }
      status.textContent = `${shown} of ${rows.length} ${filters.dataset.noun}`;
    };
    filters.addEventListener("input", apply);
    filters.hidden = false;
    apply(); // a browser that goes back to a page keeps what was typed there
  }

  // ---- figures ------------------------------------------------------------------------------------------

  // Colours are names like var(--ink), which the browser resolves: figures follow light and dark by themselves.
  const draw = async (figure) => {
    const place = figure.querySelector(".drawing");
    const image = place.querySelector("img");
    const spec = JSON.parse(figure.querySelector("script").textContent);
    if (place.clientWidth < 480) spec.config.axis.labelLimit = 110;
    const drawn = document.createElement("div");
    drawn.className = "drawn";
    place.append(drawn); // a width of "container" is measured there
    await window.vegaEmbed(drawn, spec, {
      actions: false,
      ast: true,
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true },
    });
    // One image with one description: the roles that Vega gives to each group of marks have no names.
    drawn.firstElementChild.setAttribute("aria-hidden", "true");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", image.alt);
    image.remove();
  };

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "400px" },
  );
  for (const figure of document.querySelectorAll(".figure")) near.observe(figure);

  // ---- print --------------------------------------------------------------------------------------------

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
