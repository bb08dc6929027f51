// Adds to pages that are complete without it: draws the interactive figures.
"use strict";
(() => {
  // Colours are names like var(--ink), which the browser resolves: figures follow light and dark by themselves.
  const draw = async (figure) => {
    const place = figure.querySelector(".drawing");
    const image = place.querySelector("img");
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const drawn = document.createElement("div");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", image.alt);
    await window.vegaEmbed(drawn, spec, {
      actions: false,
      ast: true,
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true },
    });
    image.replaceWith(drawn);
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
})();
