"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { study, format } = document.querySelector("main").dataset;
  const items = [...document.querySelectorAll(".item")];
  const status = byId("status");
  let rater = null;
  let at = 0;
  let saved = true;

  // ---- what the browser keeps ---------------------------------------------------------------------------

  // One entry for the last rater and one for each rater's state; files opened from disk share one store, so
  // the study's digest is part of every name.
  const name = (id) => `crisisweave-study/${study}/${id}`;
  const kept = (() => {
    try {
      localStorage.setItem(name(""), localStorage.getItem(name("")) ?? "");
      return localStorage;
    } catch {
      return null;
    }
  })();

  const keep = () => {
    saved = false;
    try {
      kept?.setItem(name(""), rater);
      kept?.setItem(name(rater), JSON.stringify({ at, answers: answers() }));
    } catch {
      byId("not-kept").hidden = false;
    }
  };

  const stateOf = (id) => {
    try {
      const state = JSON.parse(kept?.getItem(name(id)) ?? "{}");
      const place = Number.isInteger(state.at) ? state.at : 0;
      return { at: Math.min(Math.max(place, 0), items.length), answers: state.answers ?? {} };
    } catch {
      return { at: 0, answers: {} };
    }
  };

  // ---- answers ------------------------------------------------------------------------------------------

  const chosen = (item) => item.querySelector("input:checked");
  const answers = () =>
    Object.fromEntries(items.flatMap((item, i) => (chosen(item) ? [[i + 1, chosen(item).value]] : [])));

  const choose = (value) => {
    const input = items[at].querySelector(`input[value=${value}]`);
    input.checked = true;
    input.focus();
    answered();
  };

  const answered = () => {
    byId("progress").value = Object.keys(answers()).length;
    status.textContent = "";
    keep();
  };

  // ---- screens ------------------------------------------------------------------------------------------

  const show = (screen) => {
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== screen;
    status.textContent = "";
  };

  // The item at `at`, or the end after the last one. Focus goes to its title, which a screen reader says.
  const go = (place) => {
    at = place;
    const end = at === items.length;
    show(end ? "end" : "rate");
    items.forEach((item, i) => (item.hidden = i !== at));
    byId("back").hidden = at === 0;
    byId("progress").value = Object.keys(answers()).length;
    (end ? byId("end-title") : items[at].querySelector("legend")).focus({ preventScroll: true });
    scrollTo(0, 0);
    keep();
  };

  const next = () => {
    if (chosen(items[at])) return go(at + 1);
    status.textContent = "Please choose left, right or no difference first.";
  };
  const back = () => at > 0 && go(at - 1);

  const begin = (id) => {
    const state = stateOf(id);
    rater = id;
    items.forEach((item, i) => {
      for (const input of item.querySelectorAll("input")) input.checked = input.value === state.answers[i + 1];
    });
    const open = items.findIndex((item) => !chosen(item));
    go(open === -1 ? state.at : Math.min(state.at, open));
    if (Object.keys(answers()).length) status.textContent = `You go on where you stopped, as ${rater}.`;
  };

  const save = () => {
    const content = JSON.stringify({ format, study, rater, answers: answers() }, null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content, "\n"], { type: "application/json" }));
    link.download = `answers-${rater}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    saved = true;
    status.textContent = `Saved as ${link.download}, where your browser puts downloads.`;
  };

  const someoneElse = () => {
    rater = null;
    kept?.setItem(name(""), "");
    show("start");
    byId("rater").value = "";
    byId("start-title").focus();
  };

  // ---- mouse and keys -----------------------------------------------------------------------------------

  byId("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    begin(byId("rater").value);
  });
  byId("rate").addEventListener("change", (event) => event.target.type === "radio" && answered());
  byId("next").addEventListener("click", next);
  byId("back").addEventListener("click", back);
  byId("again").addEventListener("click", back);
  byId("save").addEventListener("click", save);
  byId("other").addEventListener("click", someoneElse);

  const CHOICES = { 1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 0: "none", ArrowDown: "none" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("rate").hidden) return;
    const onControl = event.target.matches("button, #keys");
    if (byId("keys").checked && event.key in CHOICES) choose(CHOICES[event.key]);
    else if (event.key === "Enter" && !onControl) next();
    else if (event.key === "Backspace") back();
    else return;
    event.preventDefault();
  });
  addEventListener("beforeunload", (event) => {
    if (!kept && rater && !saved) event.preventDefault();
  });

  // ---- start --------------------------------------------------------------------------------------------

  byId("not-kept").hidden = kept !== null;
  const last = kept?.getItem(name(""));
  if (last) begin(last);
})();
