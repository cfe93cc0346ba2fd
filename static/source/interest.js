// @ts-check
// Tells our own server which declared features are used: `data-interest="export_clicked"` on any
// element, with `data-interest-plan="pro"` for a property. Stores nothing, identifies nobody.
(() => {
  'use strict';
  const doc = document;
  const own = /** @type {HTMLScriptElement | null} */ (doc.currentScript);
  const w = /** @type {any} */ (window);
  if (!own || w.privacyInterest || !navigator.sendBeacon) return;
  w.privacyInterest = true;
  const address = own.src.replace(/\/assets\/[^/]*$/, '/events');
  const mark = 'data-interest';

  /** @param {Element} el */
  const report = (el) => {
    const said = new URLSearchParams({ event: el.getAttribute(mark) || '' });
    for (const { name, value } of el.attributes) {
      if (name.startsWith(mark + '-') && name !== mark + '-seen') said.append(name.slice(mark.length + 1), value);
    }
    navigator.sendBeacon(address, said);
  };

  // Reaches into open shadow trees; a form counts when it is sent, what is seen when it is seen.
  /** @param {Event} event */
  const heard = (event) => {
    const found = /** @type {Element[]} */ (event.composedPath())
      .find((el) => el.hasAttribute && el.hasAttribute(mark) && !el.hasAttribute(mark + '-seen'));
    if (!found || !event.isTrusted || (found.localName === 'form') !== (event.type === 'submit')) return;
    if (event.type !== 'auxclick' || /** @type {MouseEvent} */ (event).button === 1) report(found);
  };
  for (const kind of ['click', 'auxclick', 'submit']) doc.addEventListener(kind, heard, true);

  // Half of an element, or half a screen of it: reported once a page.
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
