// Shows a session's log as it grows.
const box = document.getElementById("log");
const most = 400_000; // characters that are kept, the last ones

async function read() {
  const answer = await fetch(new URL(box.dataset.log, location.origin), {cache: "no-store"});
  if (!answer.ok || !answer.body) return;
  box.hidden = false;
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

// again reads from the beginning when the connection broke.
async function again() {
  for (let pause = 1000; ; pause = Math.min(2 * pause, 30_000)) {
    try {
      box.textContent = "";
      return await read();
    } catch {
      await new Promise(done => setTimeout(done, pause));
    }
  }
}

if (box) again();
