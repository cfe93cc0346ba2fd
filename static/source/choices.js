// @ts-check
// On the choices page a purpose's box sets those of the services that serve it: a service needs all
// of its purposes, so what is then ticked says nothing beyond them. Other tabs hear what changed.
(() => {
  'use strict';
  new BroadcastChannel('privacychoices').postMessage(0);
  const now = /** @type {HTMLElement | null} */ (document.querySelector('[data-privacy-now]'));
  if (new URL(document.referrer || 'a:').pathname === location.pathname) now?.focus();
  document.addEventListener('change', ({ target }) => {
    const { name, value, form } = /** @type {any} */ (target);
    if (name !== 'p') return;
    form.querySelectorAll(`[data-privacy-needs~="${value}"]`).forEach((/** @type {any} */ box) => {
      box.checked = box.dataset.privacyNeeds.split(' ').every((/** @type {string} */ key) => form.querySelector(`[name=p][value="${key}"]`)?.checked !== false);
    });
  });
})();
