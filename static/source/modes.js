// @ts-check
// Google Consent Mode v2 and Microsoft UET: the default before any tag, the update after a choice.
// Stands first in the head and blocks, so that no tag can be faster (INT-01); no inline script.
(() => {
  'use strict';
  const own = /** @type {HTMLScriptElement} */ (document.currentScript);
  const w = /** @type {any} */ (window);
  if (w.privacyModes) return;
  w.dataLayer = w.dataLayer || [];
  w.uetq = w.uetq || [];
  // Google's tag reads `arguments` objects only.
  const gtag = function () { w.dataLayer.push(arguments); };
  /** @param {string} when @param {any} modes */
  const say = (when, { google, microsoft }) => {
    /** @type {any} */ (gtag)('consent', when, google);
    w.uetq.push('consent', when, microsoft);
  };
  /** @type {any} */ (gtag)('set', 'ads_data_redaction', true);
  /** @type {any} */ (gtag)('set', 'url_passthrough', false);
  say('default', JSON.parse(own.dataset.privacyModes || '{}'));
  document.addEventListener('privacychoices:change', (event) => say('update', /** @type {any} */ (event).detail.modes));
  w.privacyModes = true;
})();
