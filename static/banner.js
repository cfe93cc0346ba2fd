// @ts-check
/** Enhances the server's form: choices without reload, withdrawal at once. Nothing depends on it. */
(() => {
  'use strict';
  const note = () => document.querySelector('[data-privacy-note]');
  const own = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  if (!own) return;
  const root = new URL(own.src).pathname.replace(/\/assets\/[^/]*$/, '');
  /** @type {any} */
  let state = null;

  /** @param {string} name @param {{name: string, match: string}} rule */
  const matches = (name, rule) =>
    rule.match === 'exact' ? name === rule.name
      : rule.match === 'prefix' ? name.startsWith(rule.name)
        : new RegExp('^' + rule.name.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.') + '$').test(name);

  /** Removes what scripts of denied services have kept. @param {any} remove */
  const clean = (remove) => {
    for (const pair of document.cookie.split('; ')) {
      const name = pair.split('=')[0];
      if (!remove.names.some((/** @type {any} */ rule) => matches(name, rule))) continue;
      const parts = location.hostname.split('.');
      for (let start = 0; start <= Math.max(0, parts.length - 2); start++) {
        for (const domain of ['', '; domain=' + parts.slice(start).join('.')]) {
          document.cookie = name + '=; max-age=0; path=/' + domain;
        }
      }
    }
    for (const rule of remove.storage) {
      if (rule.kind === 'indexeddb') { indexedDB.deleteDatabase(rule.name); continue; }
      if (rule.kind === 'cache') { if (self.caches) caches.delete(rule.name); continue; }
      const store = rule.kind === 'local' ? localStorage : sessionStorage;
      Object.keys(store).filter((key) => matches(key, rule)).forEach((key) => store.removeItem(key));
    }
  };

  /** @param {any} next */
  const take = (next) => {
    const before = state;
    state = Object.freeze(next);
    clean(state.remove);
    if (before && JSON.stringify(before.services) === JSON.stringify(state.services)) return;
    document.dispatchEvent(new CustomEvent('privacychoices:change', { detail: state }));
  };

  const look = () => fetch(root + '/state', { headers: { accept: 'application/json' }, cache: 'no-store' })
    .then((answer) => answer.json());

  /** @param {HTMLFormElement} form @param {string} choice */
  const send = (form, choice) => {
    const data = new FormData(form);
    return fetch(root, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        choice, notice: data.get('notice'), source: data.get('source'),
        told: String(data.get('told') || '').split(' ').filter(Boolean),
      }),
    }).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)));
  };

  document.addEventListener('submit', (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {HTMLButtonElement | null} */ (/** @type {SubmitEvent} */ (event).submitter);
    const section = note();
    if (!section || !section.contains(form) || !button) return;
    event.preventDefault();
    send(form, button.value).then((next) => {
      const status = document.createElement('p');
      const link = document.createElement('a');
      status.className = 'pc-back';
      status.setAttribute('role', 'status');
      status.lang = /** @type {HTMLElement} */ (section).lang;
      link.href = root;
      link.textContent = section.getAttribute('data-privacy-back') || 'Privacy choices';
      status.append((section.getAttribute('data-privacy-saved') || '') + ' ', link);
      section.replaceWith(status);
      link.focus({ preventScroll: true });
      take(next);
    }).catch(() => {
      const field = document.createElement('input');
      field.type = 'hidden'; field.name = 'choice'; field.value = button.value;
      form.append(field);
      form.submit();
    });
  });

  window.addEventListener('pageshow', (event) => { if (event.persisted) look().then(take); });
  Object.defineProperty(window, 'privacyChoices', {
    value: Object.freeze({ state: () => state, refresh: () => look().then(take), address: root }),
  });
  look().then(take).catch(() => {});
})();
