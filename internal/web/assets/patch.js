// patch makes the element old like fresh and touches only what differs, so that
// focus, selection and scroll positions stay. Children are told apart by id or
// data-key; what has data-own is left to its own script, which is told.
export function patch(old, fresh) {
  if (old.hasAttribute("data-own")) {
    copyAttributes(old, fresh);
    old.dispatchEvent(new CustomEvent("renewed", {detail: fresh}));
    return;
  }
  if (old.isEqualNode(fresh)) return;
  copyAttributes(old, fresh);
  const known = new Map();
  for (const child of old.children) if (key(child)) known.set(key(child), child);
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const same = key(child) ? known.get(key(child)) : at;
    known.delete(key(child));
    if (!same || !alike(same, child)) {
      old.insertBefore(document.importNode(child, true), at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    if (child.nodeType === Node.ELEMENT_NODE) patch(same, child);
    else if (same.data !== child.data) same.data = child.data;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.getAttribute("data-key") : null;
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

// kept are attributes that the reader sets: which details are open, what a script shows.
const kept = new Set(["open", "hidden"]);

function copyAttributes(old, fresh) {
  for (const {name} of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.has(name)) old.removeAttribute(name);
  }
  for (const {name, value} of fresh.attributes) {
    if (!kept.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
