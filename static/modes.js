(() => {
'use strict';
const own = (document.currentScript);
const w = (window);
if (w.privacyModes) return;
w.dataLayer = w.dataLayer || [];
w.uetq = w.uetq || [];
const gtag = function () { w.dataLayer.push(arguments); };
const say = (when, { google, microsoft }) => {
(gtag)('consent', when, google);
w.uetq.push('consent', when, microsoft);
};
(gtag)('set', 'ads_data_redaction', true);
(gtag)('set', 'url_passthrough', false);
say('default', JSON.parse(own.dataset.privacyModes || '{}'));
document.addEventListener('privacychoices:change', (event) => say('update', (event).detail.modes));
w.privacyModes = true;
})();
