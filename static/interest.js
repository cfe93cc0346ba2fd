(() => {
'use strict';
const doc = document;
const own = (doc.currentScript);
const w = (window);
if (!own || w.privacyInterest || !navigator.sendBeacon) return;
w.privacyInterest = true;
const address = own.src.replace(/\/assets\/[^/]*$/, '/events');
const mark = 'data-interest';
const report = (el) => {
const said = new URLSearchParams({ event: el.getAttribute(mark) || '' });
for (const { name, value } of el.attributes) {
if (name.startsWith(mark + '-') && name !== mark + '-seen') said.append(name.slice(mark.length + 1), value);
}
navigator.sendBeacon(address, said);
};
const heard = (event) => {
const found = (event.composedPath())
.find((el) => el.hasAttribute && el.hasAttribute(mark) && !el.hasAttribute(mark + '-seen'));
if (!found || !event.isTrusted || (found.localName === 'form') !== (event.type === 'submit')) return;
if (event.type !== 'auxclick' || (event).button === 1) report(found);
};
for (const kind of ['click', 'auxclick', 'submit']) doc.addEventListener(kind, heard, true);
const eye = new IntersectionObserver((entries) => {
for (const { target, intersectionRatio, intersectionRect } of entries) {
if (intersectionRatio < 0.5 && intersectionRect.height < innerHeight / 2) continue;
eye.unobserve(target);
report(target);
}
}, { threshold: [0.01, 0.1, 0.2, 0.3, 0.4, 0.5] });
const known = new WeakSet();
const look = () => doc.querySelectorAll(`[${mark}][${mark}-seen]`).forEach((el) => {
if (known.has(el)) return;
known.add(el);
eye.observe(el);
});
new MutationObserver(look).observe(doc.documentElement, { childList: true, subtree: true });
look();
})();
