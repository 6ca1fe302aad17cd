/* What pages do beyond plain HTML. Each page works without it: links lead somewhere, forms post, dialogs are pages. */
"use strict";

(() => {
  const on = (event, selector, act) =>
    document.addEventListener(event, (given) => {
      const found = given.target instanceof Element && given.target.closest(selector);
      if (found) act(found, given);
    });

  // The menu of small screens.
  on("click", "[data-menu]", (button) => {
    const open = document.getElementById(button.getAttribute("aria-controls")).classList.toggle("is-open");
    button.setAttribute("aria-expanded", String(open));
  });

  // <a data-opens="id" href="…"> opens a dialog; without scripts its page.
  on("click", "[data-opens]", (opener, event) => {
    const dialog = document.getElementById(opener.dataset.opens);
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
  });
  on("click", "[data-closes]", (button, event) => {
    event.preventDefault();
    button.closest("dialog").close();
  });
  on("click", "dialog", (dialog, event) => {
    if (event.target === dialog) dialog.close();
  });

  on("click", "[data-copy]", async (button) => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
    const label = button.querySelector("span");
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => (label.textContent = before), 1600);
  });

  // What belongs to a choice is there while it is chosen.
  on("change", "select, input[type=checkbox]", (input) => {
    const now = input.type === "checkbox" ? (input.checked ? "on" : "") : input.value;
    for (const variant of document.querySelectorAll(`.variant[data-of="${CSS.escape(input.name)}"]`))
      variant.classList.toggle("is-chosen", variant.dataset.is === now);
  });

  on("change", "[data-submits]", (input) => input.form.requestSubmit());

  // A form is sent once, however often its button is clicked.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // One drop-down at a time; Escape and a click elsewhere close it.
  const closeDrops = (but) => {
    for (const drop of document.querySelectorAll("details.drop[open]")) if (drop !== but) drop.open = false;
  };
  document.addEventListener("click", (event) => closeDrops(event.target.closest("details.drop")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const drop = document.querySelector("details.drop[open]");
    if (drop) {
      drop.open = false;
      drop.querySelector("summary").focus();
    }
  });

  // Toasts.
  on("click", "[data-dismiss]", (button) => button.closest(".toast").remove());
  const toast = (text, tone) => {
    // What asks every second fails every second: it is said once.
    for (const said of document.querySelectorAll("#toasts .toast p")) if (said.textContent === text) return;
    const made = document.getElementById("toast-shape").content.firstElementChild.cloneNode(true);
    made.classList.add(`toast-${tone}`);
    made.querySelector("p").textContent = text;
    document.getElementById("toasts").append(made);
  };

  // What htmx could not do: the refusal says it in its own words.
  document.addEventListener("htmx:responseError", (event) => {
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    const said = page.querySelector("[data-refusal]");
    toast(said ? said.textContent : "That didn’t work. Load the page again.", "error");
  });
  const AWAY = "Ropewalk can’t be reached at the moment.";
  document.addEventListener("htmx:sendError", () => toast(AWAY, "error"));
  document.addEventListener("htmx:beforeSwap", () => {
    for (const said of document.querySelectorAll("#toasts .toast")) if (said.textContent.includes(AWAY)) said.remove();
  });

  // The summary of what is wrong with a form is where reading goes on.
  const attend = (within) => within.querySelector?.("[data-focus]")?.focus();
  attend(document);
  document.addEventListener("htmx:afterSettle", () => attend(document));
})();
