// Makes the pages better and is needed by none of them. It follows what is recorded, but never
// changes what somebody is reading, typing or about to press, and no single key decides
// anything.
"use strict";

(() => {
  const body = document.body;
  const main = document.getElementById("main");
  const notice = document.getElementById("notice");
  const skew = Number(body.dataset.now) - Date.now();
  const live = body.dataset.live;

  // Times.

  const distance = (at) => {
    const ahead = at - (Date.now() + skew);
    const seconds = Math.floor(Math.abs(ahead) / 1000);
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    const days = Math.floor(hours / 24);
    let words;
    if (days > 0) words = `${days} d ${hours % 24} h`;
    else if (hours > 0) words = `${hours} h ${minutes % 60} min`;
    else if (minutes >= 10) words = `${minutes} min`;
    else if (minutes > 0) words = `${minutes} min ${seconds % 60} s`;
    else words = `${seconds} s`;
    return ahead > 0 ? `in ${words}` : `${words} ago`;
  };

  const tick = () => {
    if (document.hidden) return;
    for (const one of document.querySelectorAll(".relative[data-at]")) {
      const words = distance(Number(one.dataset.at));
      if (one.textContent !== words) one.textContent = words;
    }
  };
  setInterval(tick, 1000);

  const localTimes = () => {
    for (const one of document.querySelectorAll("time[datetime]")) {
      one.title = `Here: ${new Date(one.dateTime).toLocaleString()}`;
    }
  };
  localTimes();

  // Notices stand in a place of their own that is always there.

  const say = (words, label, act) => {
    if (notice.dataset.words === words) return;
    notice.dataset.words = words;
    notice.classList.add("speaks");
    const text = document.createElement("span");
    text.textContent = words;
    const parts = [text];
    if (label) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", act);
      parts.push(button);
    }
    notice.replaceChildren(...parts);
  };

  const hush = () => {
    delete notice.dataset.words;
    notice.classList.remove("speaks");
    notice.replaceChildren();
  };

  // What is recorded goes on while a page is open.

  let touched = 0;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "scroll"]) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true, capture: true });
  }

  const isBusy = () => {
    if (document.hidden) return false;
    const focus = document.activeElement;
    const inside = focus && focus !== main && main.contains(focus);
    const written = [...main.querySelectorAll("textarea, input:not([type=hidden])")]
      .some((field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked);
    const selected = String(getSelection() ?? "") !== "";
    const opened = main.querySelector("details[open]") !== null;
    return inside || written || selected || opened || Date.now() - touched < 8000;
  };

  // Somebody who presses at the moment in which the page changes means what was there before.
  let swapped = 0;
  addEventListener("click", (event) => {
    if (event.detail > 0 && Date.now() - swapped < 700 && main.contains(event.target)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);

  const words = (root) => {
    const copy = root.cloneNode(true);
    for (const one of copy.querySelectorAll(".relative")) one.remove();
    return copy.textContent;
  };

  const replace = (fresh) => {
    const from = fresh.getElementById("main");
    main.replaceChildren(...[...from.childNodes].map((node) => document.importNode(node, true)));
    const foot = document.querySelector(".foot p");
    foot.replaceWith(document.importNode(fresh.querySelector(".foot p"), true));
    document.title = fresh.title;
    swapped = Date.now();
    localTimes();
    hush();
  };

  const follow = (fresh) => {
    if (words(fresh.getElementById("main")) === words(main)) return;
    if (isBusy()) {
      say("More was recorded. This page stays as it is.", "Show", () => replace(fresh));
    } else {
      replace(fresh);
    }
  };

  const hold = (fresh) => {
    const ours = document.getElementById("review");
    const theirs = fresh.getElementById("review");
    if (!ours || !theirs) return;
    if (ours.dataset.state !== theirs.dataset.state) {
      for (const button of document.querySelectorAll("form[data-decides] button")) {
        button.disabled = true;
      }
      body.dataset.outdated = "yes";
      say("This changed since you opened it. Your answer is not possible any more.",
        "Read it now", () => location.reload());
    } else if (ours.dataset.tally !== theirs.dataset.tally) {
      say(`Somebody answered: ${theirs.dataset.tally}.`, "Read it now", () => location.reload());
    }
  };

  const look = async () => {
    let answer;
    try {
      answer = await fetch(location.href, {
        headers: { "x-tagout-refetch": "1", accept: "text/html" }, redirect: "manual", cache: "no-store",
      });
    } catch {
      say("Tagout does not answer. What you see may be old.", "Try again", () => look());
      return;
    }
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      say("You are not signed in any more.", "Sign in", () => location.reload());
      return;
    }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const holds = fresh.getElementById("holds");
    const strip = document.getElementById("holds");
    if (holds && strip && words(holds) !== words(strip)) {
      strip.replaceWith(document.importNode(holds, true));
    }
    if (live === "held") hold(fresh); else follow(fresh);
    if (notice.dataset.words?.startsWith("Tagout does not answer")) hush();
  };

  // The first news is looked at once; in a storm, what came meanwhile is looked at together.
  const PACE = 3000;
  let due = null;
  let looked = 0;
  const lookSoon = () => {
    due ??= setTimeout(() => {
      due = null;
      looked = Date.now();
      look();
    }, Math.max(400, looked + PACE - Date.now()));
  };

  if (live) {
    let source = null;
    let entries = body.dataset.entries;
    const open = () => {
      if (source || document.hidden || !("EventSource" in window)) return;
      source = new EventSource("/events");
      source.addEventListener("recorded", (event) => {
        if (event.data !== entries) {
          entries = event.data;
          lookSoon();
        }
      });
    };
    const close = () => { source?.close(); source = null; };
    // A browser opens only so many connections: a page that nobody sees gives its own back.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) close(); else { open(); lookSoon(); }
    });
    addEventListener("pagehide", close);
    addEventListener("pageshow", open);
    open();
    // Where nothing is told, it is asked for.
    setInterval(() => {
      const told = source && source.readyState === EventSource.OPEN;
      if (!told && !document.hidden) look();
      if (source?.readyState === EventSource.CLOSED) { close(); open(); }
    }, 30000);
  }

  // A form is sent once.

  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted && live === "held") location.reload();
    else if (event.persisted) {
      for (const button of document.querySelectorAll("form button")) button.disabled = false;
    }
  });

  // Keys move and open, and never decide.

  const OFF = "tagout.keys.off";
  const areOff = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const KEYS = [
    ["j", "next incident"], ["k", "previous incident"], ["Enter", "open it"],
    ["/", "find"], ["i", "to the inbox"], ["r", "read this page again"], ["?", "these keys"],
  ];

  const help = document.createElement("dialog");
  help.setAttribute("aria-labelledby", "keys-title");
  const helpTitle = document.createElement("h2");
  helpTitle.id = "keys-title";
  helpTitle.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [key, what] of KEYS) {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const name = document.createElement("kbd");
    name.textContent = key;
    term.append(name);
    const meaning = document.createElement("dd");
    meaning.textContent = what;
    pair.append(term, meaning);
    list.append(pair);
  }
  const remark = document.createElement("p");
  remark.textContent = "No key answers for a plan. Everything else goes by Tab and Enter.";
  const label = document.createElement("label");
  label.className = "choice";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = areOff();
  box.addEventListener("change", () => {
    try { localStorage.setItem(OFF, box.checked ? "1" : "0"); } catch { /* for this page only */ }
  });
  label.append(box, "Switch these single keys off");
  const done = document.createElement("button");
  done.type = "button";
  done.textContent = "Close";
  done.addEventListener("click", () => help.close());
  help.append(helpTitle, list, remark, label, done);
  body.append(help);

  const keys = document.querySelector(".keys");
  if (keys) {
    keys.hidden = false;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Keys";
    button.addEventListener("click", () => help.showModal());
    keys.replaceChildren(button);
  }

  const move = (by) => {
    const rows = [...document.querySelectorAll(".row :is(h2, h3) a")];
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || help.open) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    if (event.key === "?") { help.showModal(); event.preventDefault(); return; }
    if (areOff() || box.checked) return;
    switch (event.key) {
      case "j": move(1); break;
      case "k": move(-1); break;
      case "/": document.getElementById("q")?.focus(); break;
      case "i": location.assign("/"); break;
      case "r": location.reload(); break;
      default: return;
    }
    event.preventDefault();
  });
})();
