// @ts-check
// Enhances the server's forms: a choice without reload, what it permits at once, focus, announcements.
// Nothing depends on it. Served without its comment lines; comments stand on lines of their own.
(() => {
  'use strict';
  const doc = document;
  const own = /** @type {HTMLScriptElement | null} */ (doc.currentScript);
  const w = /** @type {any} */ (window);
  if (!own) return;
  if (w.privacyChoices) {
    w.privacyChoices.refresh();
    return;
  }
  // Of this site, whatever a page's <base> says.
  const address = new URL(own.src).pathname.replace(/\/assets\/[^/]*$/, '');
  const root = new URL(address, location.href).href;
  // In a sandbox without an origin nothing can be kept, and every store throws.
  const isShut = origin === 'null';
  const held = '[data-privacy-service],[data-privacy-purpose]';
  const fresh = /** @type {any} */ (performance.getEntriesByType('navigation')[0])?.type !== 'reload';
  /** @type {any} */
  let state = Object.freeze(JSON.parse(own.dataset.privacyState || 'null'));
  // A page that answers a form would send it again; one that caches share comes back as it was.
  const isSent = 'privacySent' in own.dataset;
  const stays = isSent || !state;
  /** @type {any} */
  let policy;
  let watches = false;
  let busy = false;
  let passes = false;
  let queue = Promise.resolve();

  // Whether a declared name (exact, prefix or glob) means this one.
  /** @param {string} name @param {{name: string, match: string}} rule */
  const fits = (name, { name: pattern, match }) =>
    new RegExp('^' + (pattern + (match === 'prefix' ? '*' : '')).replace(/[^\w*?]/g, '\\$&').replace(/[*?]/g, '.$&').replace(/\?/g, '') + '$').test(name);

  // Expires a cookie on this host and on every parent domain, for this page's path and those above.
  /** @param {string} name */
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

  // Removes one storage key, or a family of them (STO-13).
  /** @param {{kind: string, name: string, match: string}} rule */
  const forget = async (rule) => {
    const { kind } = rule;
    if (kind === 'indexeddb') {
      (await indexedDB.databases()).forEach(({ name = '' }) => fits(name, rule) && indexedDB.deleteDatabase(name));
    } else if (kind === 'cache') {
      (await caches.keys()).forEach((key) => fits(key, rule) && caches.delete(key));
    } else {
      const store = w[kind + 'Storage'];
      Object.keys(store).forEach((key) => fits(key, rule) && store.removeItem(key));
    }
  };

  /** @param {any} remove */
  const clean = ({ storage = [], keys = [] }) => {
    if (isShut) return;
    const alike = (/** @type {string} */ kind) => keys.map((/** @type {string} */ name) => ({ kind, name }));
    doc.cookie.split('; ').forEach((pair) => {
      const name = pair.split('=')[0];
      if (alike('').some((/** @type {any} */ rule) => fits(name, rule))) expire(name);
    });
    // Scripts keep what a cookie holds once more under its name.
    // Rejects where the browser keeps storage closed; there is nothing to remove then.
    [...storage, ...alike('local'), ...alike('session')].forEach((/** @type {any} */ rule) => forget(rule).catch(() => {}));
  };

  /** @param {string} kind @param {string} value */
  const trusted = (kind, value) => {
    const types = w.trustedTypes;
    if (!types) return value;
    const same = (/** @type {string} */ text) => text;
    policy = policy || types.createPolicy('privacychoices', { createScript: same, createScriptURL: same });
    return policy['create' + kind](value);
  };

  // Gives attributes their names back; a script's go to its copy.
  /** @param {Element} from @param {Element} to */
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

  // Runs a script as the parser would have: an ordinary external one before what follows it.
  /** @param {HTMLScriptElement} old */
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

  // All that an element waits for, services and purposes, must be permitted.
  /** @param {string} [keys] @param {any} [table] */
  const all = (keys, table) => !keys || keys.split(' ').every((key) => table[key]);
  /** @param {HTMLElement} el */
  const permitted = ({ dataset: { privacyService: service, privacyPurpose: purpose } }) =>
    all(service, state.services) && all(purpose, state.purposes);

  const writes = (/** @type {any} */ el) => el.text.includes('document.write');

  // Puts into effect what is permitted now, in document order, deferred scripts last.
  const restore = () => {
    const found = /** @type {any[]} */ ([...doc.querySelectorAll(held)]).filter(permitted);
    // Markup that slipped into a page with nonces must not ride on ours.
    const scripts = found.filter((el) => el.localName === 'script' && (!own.nonce || el.nonce === own.nonce || !el.dataset.privacySrc) && !(stays && writes(el)));
    if (scripts.some(writes)) return location.reload();
    const isLate = (/** @type {any} */ el) => el.defer || el.dataset.privacyType === 'module';
    for (const el of found) {
      const hold = el.previousElementSibling;
      if (hold?.hasAttribute('data-privacy-hold')) hold.remove();
      if (el.localName === 'script') continue;
      if (el.localName === 'style') el.removeAttribute('type');
      rename(el, el);
      // A style is read again when it is put in again; a film's sources when it is loaded again.
      if (el.localName === 'style') el.replaceWith(el.cloneNode(true));
      if (el.localName === 'source') el.parentNode.load?.();
    }
    scripts.forEach((el) => el.removeAttribute('data-privacy-service'));
    queue = [...scripts.filter((el) => !isLate(el)), ...scripts.filter(isLate)]
      .reduce((before, el) => before.then(() => run(el)), queue)
      .catch(() => stays || location.reload());
  };

  // Single-page apps and shared caches bring held elements in later.
  const watch = () => {
    if (!watches) new MutationObserver(restore).observe(doc.documentElement, { childList: true, subtree: true });
    watches = true;
  };

  const note = () => /** @type {any} */ (doc.querySelector('[data-privacy-note]'));

  // What a policy has stopped may be what a grant frees; no markup names it.
  let isStopped = false;
  const stop = () => { isStopped = true; };
  doc.addEventListener('securitypolicyviolation', stop);
  // Those of before this script, where the browser keeps them.
  if (w.ReportingObserver) new ReportingObserver(stop, { types: ['csp-violation'], buffered: true }).observe();

  // What was typed is worth more than a tag that comes one page later.
  const isTyped = () => [...doc.querySelectorAll('input:not([type=hidden]),textarea')].some((/** @type {any} */ el) => el.value !== el.defaultValue || el.checked !== el.defaultChecked);

  /** @param {any} next @param {boolean} [reloads] */
  const take = (next, reloads = true) => {
    const before = state;
    const facts = (/** @type {any} */ one) => one && JSON.stringify([one.decided, one.purposes, one.services, one.signals]);
    state = Object.freeze(next);
    clean(next.remove);
    if (next.decided && !next.asks.length) note()?.remove();
    if (facts(before) === facts(next)) return;
    doc.dispatchEvent(new CustomEvent('privacychoices:change', { detail: state }));
    const changed = before ? Object.keys(before.services).filter((key) => before.services[key] !== next.services[key]) : [];
    // Only a new page ends what runs already, and has a policy that permits what was granted here.
    const ends = changed.some((key) => before.services[key]);
    const frees = 'privacyBound' in own.dataset && changed.length && (isStopped || [...doc.querySelectorAll(held)].some((el) => permitted(/** @type {any} */ (el))));
    if (ends || (frees && !isTyped())) {
      if (reloads && !isSent) location.reload();
    } else if (!frees) {
      restore();
      watch();
    }
  };

  /** @param {Promise<Response>} answer */
  const json = (answer) => answer.then((got) => (got.ok ? got.json() : Promise.reject(got.status)));
  const headers = { accept: 'application/json' };
  const look = () => json(fetch(root + '/state', { headers }));
  /** @param {URLSearchParams} body */
  const post = (body) => json(fetch(root, { method: 'POST', headers, body, keepalive: true }));

  // Other tabs of the site follow, and a page that is opened while a choice is on its way.
  const tabs = new BroadcastChannel('privacychoices');
  const pending = (/** @type {string} */ text) => {
    try {
      const before = sessionStorage.privacychoices;
      if (text) sessionStorage.privacychoices = text;
      else delete sessionStorage.privacychoices;
      return before;
    } catch { /* closed: nothing can be passed on */ }
  };

  // Says that the choice is kept and leaves the way back, where the note was.
  /** @param {any} box @param {any} next */
  const finish = (box, { granted }) => {
    const line = /** @type {HTMLElement | null} */ (doc.querySelector('[data-privacy-done]'));
    box.close?.();
    box.remove();
    if (!line) return;
    line.hidden = false;
    /** @type {any} */ (line.lastElementChild).hidden = !granted;
    if (doc.activeElement === doc.body) line.focus({ preventScroll: true });
  };

  // Says what went wrong where the press was made; the server's own page where there is no line.
  /** @param {any} box @param {HTMLFormElement} form @param {any} button @param {number} status */
  const fail = (box, form, button, status) => {
    const line = box.querySelector('[data-privacy-problem]');
    if (line && !status) {
      line.hidden = false;
      return;
    }
    passes = true;
    form.requestSubmit(button);
  };

  doc.addEventListener('submit', (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {any} */ (event).submitter;
    const box = /** @type {any} */ (form.closest('[data-privacy-note],[data-privacy-hold]'));
    // In a frame the form goes by itself: the server then sees where it comes from.
    if (!box || passes || w.top !== w) return;
    // Libraries that take over every form of a page have no business with this one.
    event.preventDefault();
    event.stopImmediatePropagation();
    if (busy) return;
    busy = true;
    box.setAttribute('aria-busy', 'true');
    pending('sent');
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
    body.append(button.name, button.value);
    post(body)
      // Kept is what comes back: whose browser keeps no cookies is told so.
      .then((next) => look().then((seen) => (seen.decided || !next.decided ? next : Promise.reject(0))))
      .then((next) => {
        const embed = box.nextElementSibling;
        if (box === note()) finish(box, next);
        tabs.postMessage(0);
        take(next);
        if (!box.isConnected) embed?.focus();
      }, (status) => fail(box, form, button, +status))
      .finally(() => {
        busy = false;
        pending('');
        box.removeAttribute('aria-busy');
      });
  }, true);

  // Esc means "not now": the refusal stays.
  /** @param {Event} event */
  const leave = (event) => {
    const box = /** @type {Element} */ (event.target).closest('[data-privacy-note]');
    const button = /** @type {HTMLElement | null | undefined} */ (box?.querySelector('[value=dismiss]'));
    if (button) event.preventDefault();
    button?.click();
  };
  doc.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(event); });
  doc.addEventListener('cancel', leave, true);

  // What lies over the page moves away from what has the focus, and only from that.
  const clear = () => {
    const box = note();
    const focused = doc.activeElement;
    if (!box || box.contains(focused)) return;
    for (const side of focused === doc.body ? [''] : ['', 'top', 'out']) {
      box.dataset.privacyAside = side;
      const [ours, theirs] = [box, focused].map((el) => el.getBoundingClientRect());
      if (ours.right <= theirs.left || ours.left >= theirs.right || ours.bottom <= theirs.top || ours.top >= theirs.bottom) return;
    }
  };
  doc.addEventListener('focusin', clear);
  doc.addEventListener('focusout', () => setTimeout(clear));

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
    clear();
    if (pending('')) setTimeout(again, 1500);
    // SIG-16: an extension may state the signal to scripts alone.
    if (state.signal_counts && /** @type {any} */ (navigator).globalPrivacyControl) {
      post(new URLSearchParams({ choice: 'signal', source: 'api' })).then((next) => take(next, fresh)).catch(() => {});
    }
  };

  const refresh = () => look().then(take);
  const again = () => refresh().catch(() => {});
  Object.defineProperty(w, 'privacyChoices', {
    value: Object.freeze({
      address,
      get state() { return state; },
      allows: (/** @type {string} */ key) => !!state && (state.purposes[key] || state.services[key] || false),
      refresh,
    }),
  });
  // A page from the back-forward cache may be older than the choice.
  addEventListener('pageshow', (event) => { if (event.persisted) again(); });
  tabs.onmessage = () => again();
  // A body of columns or areas has no line at its top to stand in.
  if (!/block|flow/.test(getComputedStyle(doc.body).display)) doc.querySelector('[data-privacy-back]')?.classList.add('pc-float');
  if (state) {
    clean(state.remove);
    begin();
  } else if (!isShut) {
    const ask = () => refresh().then(begin, () => {});
    // A page that is fetched ahead asks when it is opened.
    if (/** @type {any} */ (doc).prerendering) doc.addEventListener('prerenderingchange', ask);
    else ask();
  }
})();
