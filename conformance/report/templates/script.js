"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const say = (text) => { byId("live").textContent = text; };

  // Copying: the modern way needs a secure page; a file opened from disk is not one in every browser.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("the browser did not copy");
    }
  };
  for (const button of all("button.copy")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await copy(byId(button.dataset.copies).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied: select it by hand";
      }
      say(button.textContent);
      button.focus();
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }

  // Filtering: an item stays if its status is among the chosen ones (or none is) and it holds every word.
  const toolbar = byId("toolbar");
  const items = all(".filtered").map((node) => ({ node, text: node.textContent.toLowerCase() }));
  if (toolbar) {
    const field = byId("filter");
    const chips = all("[data-show]");
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.show);
      let shown = 0;
      for (const { node, text } of items) {
        const fits = (!chosen.length || chosen.includes(node.dataset.status)) && words.every((word) => text.includes(word));
        node.hidden = !fits;
        shown += fits;
      }
      for (const group of all(".group")) group.hidden = !group.querySelector(".filtered:not([hidden])");
      byId("none").hidden = shown > 0;
      say(`${shown} of ${items.length} shown`);
    };
    toolbar.hidden = false;
    field.addEventListener("input", filter);
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        filter();
      });
    }
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && document.activeElement !== field) {
        event.preventDefault();
        field.focus();
      } else if (event.key === "Escape" && document.activeElement === field) {
        field.value = "";
        filter();
      }
    });
    const unfold = byId("unfold");
    unfold.hidden = !document.querySelector("details.item");
    unfold.addEventListener("click", () => {
      const open = unfold.getAttribute("aria-pressed") !== "true";
      unfold.setAttribute("aria-pressed", String(open));
      unfold.textContent = open ? "close all" : "open all";
      for (const node of all("details.item")) node.open = open;
    });
    // A link to an item that is filtered away or closed shows it all the same.
    const reveal = () => {
      const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
      if (!target) return;
      for (let node = target; node; node = node.parentElement) {
        node.hidden = false;
        if (node.tagName === "DETAILS") node.open = true;
      }
      target.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    for (const link of all("nav a")) link.addEventListener("click", () => setTimeout(reveal));
    reveal();
  }

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const node of closed) node.open = true;
  });
  addEventListener("afterprint", () => { for (const node of closed) node.open = false; });
})();
