// Shows a session's log as it grows. A page that is not seen rests: a browser opens few
// connections to a server.
const box = document.getElementById("log");
const most = 400_000; // characters that are kept, the last ones

// read shows the log from its beginning, to its end if there is one.
async function read(signal) {
  const answer = await fetch(new URL(box.dataset.log, location.origin), {cache: "no-store", signal});
  if (answer.status === 429 || answer.status >= 500) throw new Error("the server answers " + answer.status);
  if (!answer.ok || !answer.body) return; // there is no log
  box.hidden = false;
  box.textContent = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(value);
    if (box.textContent.length > most) box.textContent = box.textContent.slice(-most / 2);
    if (atEnd) box.scrollTop = box.scrollHeight;
  }
}

// seen waits until the page is.
function seen() {
  return new Promise(done => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    look();
  });
}

// follow reads again from the beginning when the connection broke, and when the page is
// seen again.
async function follow() {
  for (let pause = 1000; ; ) {
    await seen();
    const end = new AbortController();
    const rest = () => { if (document.hidden) end.abort(); };
    document.addEventListener("visibilitychange", rest);
    try {
      return await read(end.signal);
    } catch {
      if (end.signal.aborted) continue;
      await new Promise(done => setTimeout(done, pause));
      pause = Math.min(2 * pause, 30_000);
    } finally {
      document.removeEventListener("visibilitychange", rest);
    }
  }
}

if (box) follow();
