(() => {
'use strict';
const doc = document;
const own = (doc.currentScript);
const w = (window);
if (!own) return;
if (w.privacyChoices) {
w.privacyChoices.refresh();
return;
}
const root = new URL(own.src).pathname.replace(/\/assets\/[^/]*$/, '');
const held = '[data-privacy-service],[data-privacy-purpose]';
const fresh = (performance.getEntriesByType('navigation')[0])?.type !== 'reload';
let state = Object.freeze(JSON.parse(own.dataset.privacyState || 'null'));
const isSent = 'privacySent' in own.dataset;
const stays = isSent || !state;
let policy;
let watches = false;
let busy = false;
let queue = Promise.resolve();
const fits = (name, { name: pattern, match }) =>
new RegExp('^' + (pattern + (match === 'prefix' ? '*' : '')).replace(/[^\w*?]/g, '\\$&').replace(/[*?]/g, '.$&').replace(/\?/g, '') + '$').test(name);
const expire = (name) => {
const parts = location.hostname.split('.');
let path = '';
for (const step of location.pathname.split(/(\/)/)) {
path += step;
parts.forEach((_, at) => {
doc.cookie = name + '=; max-age=0; path=' + path + (at ? '; domain=' + parts.slice(at - 1).join('.') : '');
});
}
};
const forget = async (rule) => {
const { kind } = rule;
if (kind === 'indexeddb') {
(await indexedDB.databases()).forEach(({ name = '' }) => fits(name, rule) && indexedDB.deleteDatabase(name));
} else if (kind === 'cache') {
(await caches.keys()).forEach((key) => fits(key, rule) && caches.delete(key));
} else {
const store = kind === 'local' ? localStorage : sessionStorage;
Object.keys(store).forEach((key) => fits(key, rule) && store.removeItem(key));
}
};
const clean = ({ names = [], storage = [], keys = [] }) => {
doc.cookie.split('; ').forEach((pair) => {
const name = pair.split('=')[0];
if (names.some((rule) => fits(name, rule))) expire(name);
});
const alike = (kind) => keys.map((name) => ({ kind, name }));
[...storage, ...alike('local'), ...alike('session')].forEach((rule) => forget(rule).catch(() => {}));
};
const trusted = (kind, value) => {
const types = w.trustedTypes;
if (!types) return value;
policy = policy || types.createPolicy('privacychoices', {
createScript: (text) => text,
createScriptURL: (address) => address,
});
return policy['create' + kind](value);
};
const rename = (from, to) => {
for (const { name, value } of [...from.attributes]) {
const plain = name.replace(/^data-privacy-/, '');
if (plain === name) {
if (to !== from && name !== 'type') to.setAttribute(name, value);
continue;
}
to.removeAttribute(name);
if (plain === 'service' || plain === 'purpose') continue;
if (plain === 'xlink:href') to.setAttributeNS('http://www.w3.org/1999/xlink', plain, value);
else to.setAttribute(plain, to !== from && plain === 'src' ? trusted('ScriptURL', value) : value);
}
};
const run = (old) => new Promise((done) => {
const copy = doc.createElement('script');
copy.nonce = old.nonce;
rename(old, copy);
copy.async = old.hasAttribute('async');
if (!copy.src) copy.text = trusted('Script', old.text);
copy.onload = copy.onerror = done;
old.replaceWith(copy);
if (!copy.src || copy.async) done(0);
});
const all = (keys, table) => !keys || keys.split(' ').every((key) => table[key]);
const permitted = ({ dataset: { privacyService: service, privacyPurpose: purpose } }) =>
all(service, state.services) && all(purpose, state.purposes);
const writes = (el) => el.text.includes('document.write');
const restore = () => {
const found = ([...doc.querySelectorAll(held)]).filter(permitted);
const scripts = found.filter((el) => el.localName === 'script' && (!own.nonce || el.nonce === own.nonce || !el.dataset.privacySrc) && !(stays && writes(el)));
if (scripts.some(writes)) return location.reload();
const isLate = (el) => el.defer || el.dataset.privacyType === 'module';
for (const el of found) {
const hold = el.previousElementSibling;
if (hold?.hasAttribute('data-privacy-hold')) hold.remove();
if (el.localName === 'script') continue;
if (el.localName === 'style') el.removeAttribute('type');
rename(el, el);
if (el.localName === 'style') el.replaceWith(el.cloneNode(true));
if (el.localName === 'source') el.parentNode.load?.();
}
scripts.forEach((el) => el.removeAttribute('data-privacy-service'));
queue = [...scripts.filter((el) => !isLate(el)), ...scripts.filter(isLate)]
.reduce((before, el) => before.then(() => run(el)), queue)
.catch(() => stays || location.reload());
};
const watch = () => {
if (!watches) new MutationObserver(restore).observe(doc.documentElement, { childList: true, subtree: true });
watches = true;
};
const note = () => (doc.querySelector('[data-privacy-note]'));
const take = (next, reloads = true) => {
const before = state;
const facts = (one) => one && JSON.stringify([one.decided, one.purposes, one.services, one.signals]);
state = Object.freeze(next);
clean(next.remove);
if (next.decided && !next.asks.length) note()?.remove();
if (facts(before) === facts(next)) return;
doc.dispatchEvent(new CustomEvent('privacychoices:change', { detail: state }));
if (before && Object.keys(before.services).some((key) => before.services[key] !== next.services[key] && (before.services[key] || 'privacyBound' in own.dataset))) {
if (reloads && !isSent) location.reload();
} else {
restore();
watch();
}
};
const json = (answer) => answer.then((got) => (got.ok ? got.json() : Promise.reject()));
const headers = { accept: 'application/json' };
const post = (body) => json(fetch(root, { method: 'POST', headers, body }));
const finish = (box, { granted }) => {
const line = (doc.querySelector('[data-privacy-done]'));
box.close?.();
box.remove();
if (!line) return;
line.hidden = false;
(line.lastElementChild).hidden = !granted;
if (doc.activeElement === doc.body) line.focus({ preventScroll: true });
};
doc.addEventListener('submit', (event) => {
const form = (event.target);
const button = (event).submitter;
const box = (form.closest('[data-privacy-note],[data-privacy-hold]'));
if (!box || event.defaultPrevented) return;
event.preventDefault();
if (busy) return;
busy = true;
const body = new URLSearchParams((new FormData(form)));
body.append(button.name, button.value);
post(body).then((next) => {
const embed = box.nextElementSibling;
if (box === note()) finish(box, next);
take(next);
if (!box.isConnected) embed?.focus();
}, () => {
form.append(Object.assign(doc.createElement('input'), { type: 'hidden', name: button.name, value: button.value }));
form.submit();
}).finally(() => { busy = false; });
});
const leave = (event) => {
const box = (event.target).closest('[data-privacy-note]');
const button = (box?.querySelector('[value=dismiss]'));
if (button) event.preventDefault();
button?.click();
};
doc.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(event); });
doc.addEventListener('cancel', leave, true);
const open = () => {
const box = note();
if (box) box.hidden = false;
if (!box?.showModal || box.matches(':modal')) return;
box.removeAttribute('open');
box.showModal();
box.querySelector('h2').focus();
};
const begin = () => {
if (state.asks.length) open();
if (state.signal_counts && (navigator).globalPrivacyControl) {
post(new URLSearchParams({ choice: 'signal', source: 'api' })).then((next) => take(next, fresh)).catch(() => {});
}
};
const refresh = () => json(fetch(root + '/state', { headers })).then(take);
Object.defineProperty(w, 'privacyChoices', {
value: Object.freeze({
address: root,
get state() { return state; },
allows: (key) => !!state && (state.purposes[key] || state.services[key] || false),
refresh,
}),
});
addEventListener('pageshow', (event) => { if (event.persisted) refresh().catch(() => {}); });
if (state) {
clean(state.remove);
begin();
} else {
refresh().then(begin).catch(() => {});
}
})();
