(() => {
'use strict';
document.addEventListener('change', ({ target }) => {
const { name, value, form } = (target);
if (name !== 'p') return;
form.querySelectorAll(`[data-privacy-needs~="${value}"]`).forEach((box) => {
box.checked = box.dataset.privacyNeeds.split(' ').every((key) => form.querySelector(`[name=p][value="${key}"]`)?.checked !== false);
});
});
})();
