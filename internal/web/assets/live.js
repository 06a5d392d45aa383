// Keeps a page up to date: when the server says that something changed, the page is
// asked for again and patched into what is shown. A page that is not seen rests.
import {patch} from "./patch.js";

const main = document.getElementById("main");
const asof = document.getElementById("asof");
const lost = document.getElementById("lost");
const old = document.getElementById("old");

// The time between two looks is so many milliseconds at least, and so many times as long
// as the last look took: the server is not kept busy by looking.
const least = 500;
const share = 9;

let stream = null;
let looking = false; // or resting after a look
let wanted = false;
let seen = Date.now(); // when the page was last as the server has it
let trouble = "";

// here is a path of this server, without the user that the page's own address may name:
// nothing may be asked for at such an address.
function here(path) {
  return new URL(path, location.origin);
}

// address is that of this page. What the browser has of the fleet need not be sent again.
function address() {
  const url = here(location.pathname + location.search);
  const fleet = document.getElementById("fleet");
  if (fleet) url.searchParams.set("names", fleet.dataset.names);
  return url;
}

async function look() {
  wanted = true;
  if (looking || document.hidden) return;
  looking = true;
  wanted = false;
  const began = performance.now();
  try {
    const answer = await fetch(address(), {cache: "no-store", headers: {Accept: "text/html"}});
    if (!answer.ok && answer.status !== 404) throw new Error("the server answers " + answer.status);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    seen = Date.now();
    if (!stream || stream.readyState === EventSource.OPEN) tell("");
  } catch (e) {
    tell(e instanceof TypeError ? "the server does not answer" : e.message);
  }
  setTimeout(() => {
    looking = false;
    if (wanted) look();
  }, Math.max(least, share * (performance.now() - began)));
}

function show(fresh) {
  document.title = fresh.title;
  patch(main, fresh.getElementById("main"));
  patch(asof, fresh.getElementById("asof"));
  follow();
}

// tell says that the page is not kept up to date, and how old it is. What it says is read
// to who hears the page, how old it is every second is not.
function tell(what) {
  trouble = what;
  const words = what && what + ", trying again";
  if (lost.textContent !== words) lost.textContent = words;
  old.textContent = what && age() + " old";
  document.body.classList.toggle("lost", what !== "");
}

function age() {
  const s = Math.round((Date.now() - seen) / 1000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

// follow listens to what the page now says it depends on. A browser opens few
// connections to a server, so those that are not seen listen to nothing.
function follow() {
  const path = document.hidden ? undefined : main.dataset.events;
  if (stream && (!path || stream.path !== path)) {
    stream.close();
    stream = null;
  }
  if (!path || stream) return;
  stream = new EventSource(here(path));
  stream.path = path;
  stream.onmessage = look;
  stream.onopen = () => { if (trouble) look(); };
  const opened = stream;
  stream.onerror = () => {
    tell("no news from the server");
    if (opened.readyState === EventSource.CLOSED && stream === opened) stream = null; // it was refused: the clock tries again
  };
}

document.addEventListener("visibilitychange", () => {
  follow();
  if (!document.hidden && (main.dataset.events || main.dataset.every)) look();
});

let ticks = 0;
setInterval(() => {
  if (trouble) tell(trouble);
  ticks++;
  const every = trouble ? 3 : Number(main.dataset.every || 0);
  if (every && ticks >= every) {
    ticks = 0;
    follow();
    look();
  }
}, 1000);

follow();
