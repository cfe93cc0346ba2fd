(() => {
'use strict';
new BroadcastChannel('privacychoices').postMessage(0);
const now = (document.querySelector('[data-privacy-now]'));
if (new URL(document.referrer || 'a:').pathname === location.pathname) now?.focus();
document.addEventListener('change', ({ target }) => {
const { name, value, form } = (target);
if (name !== 'p') return;
form.querySelectorAll(`[data-privacy-needs~="${value}"]`).forEach((box) => {
box.checked = box.dataset.privacyNeeds.split(' ').every((key) => form.querySelector(`[name=p][value="${key}"]`)?.checked !== false);
});
});
})();
