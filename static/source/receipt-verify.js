// @ts-check
// Checks receipts without asking anybody: the rules of consentgate/formats/proof/receipts.py, written
// a second time. Offers privacyReceipt.check(text, verifierKeys) to Node and to pages; on its own
// page it also reads the form. Served without its comment lines; comments stand on lines of their own.
(() => {
  'use strict';
  const MAX_CHARS = 1000000;
  const MAX_DEPTH = 64;
  const MAX_HASHES = 63;
  const MAX_SIGNATURES = 100;
  const YEAR_10000 = 253402300800000;
  const SPACE = '\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
  const LINE = new RegExp('^— ([^' + SPACE + '+]+) ([A-Za-z0-9+/]+={0,2})$');
  const NAME = new RegExp('^[^' + SPACE + '+\\x00-\\x1f]+$');
  const HALF = /\p{Surrogate}/u;
  const TEXTS = ['id', 'kind', 'state', 'notice_hash', 'language', 'policy_version', 'subject', 'regime'];
  const own = Object.prototype.hasOwnProperty;

  class Refused extends Error {
    /** @param {string} broken @param {string} why */
    constructor(broken, why) {
      super(why);
      this.broken = broken;
    }
  }

  /** @param {boolean} holds @param {string} broken @param {string} why */
  const rule = (holds, broken, why) => {
    if (!holds) throw new Refused(broken, why);
  };

  /** @param {any} value */
  const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

  // What stands at a path of keys and positions; undefined where there is nothing.
  /** @param {any} value @param {(string | number)[]} path */
  const at = (value, ...path) => {
    for (const step of path) {
      const fits = typeof step === 'string' ? isObject(value) : Array.isArray(value);
      value = fits && own.call(value, step) ? value[step] : undefined;
    }
    return value;
  };

  /** @param {any} value @param {number} depth @returns {boolean} */
  const isDeeper = (value, depth) =>
    typeof value === 'object' && value !== null && (depth === 0 || Object.values(value).some((one) => isDeeper(one, depth - 1)));

  /** @param {Uint8Array} raw */
  const base64Of = (raw) => btoa(String.fromCharCode(...raw));

  // The bytes of base64; null where it is none, or another spelling of its bytes.
  /** @param {string} text */
  const bytesOf = (text) => {
    try {
      const raw = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
      return base64Of(raw) === text ? raw : null;
    } catch {
      return null;
    }
  };

  /** @param {string} text */
  const utf8 = (text) => new TextEncoder().encode(text);

  /** @param {(Uint8Array | number[])[]} parts */
  const sha256 = async (...parts) => {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let size = 0;
    for (const part of parts) {
      whole.set(part, size);
      size += part.length;
    }
    return new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
  };

  /** @param {Uint8Array} raw */
  const hex = (raw) => Array.from(raw, (one) => one.toString(16).padStart(2, '0')).join('');

  /** @param {Uint8Array} left @param {Uint8Array} right */
  const isEqual = (left, right) => hex(left) === hex(right);

  // Canonical JSON (RFC 8785) of what has one spelling; anything else is refused.
  /** @param {any} value @returns {string} */
  const canonical = (value) => {
    if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
    if (isObject(value)) {
      return '{' + Object.keys(value).sort().map((key) => canonical(key) + ':' + canonical(value[key])).join(',') + '}';
    }
    const isText = typeof value === 'string' && !HALF.test(value);
    if (value !== null && typeof value !== 'boolean' && !isText && !Number.isSafeInteger(value)) throw new Error('no canonical JSON');
    return JSON.stringify(value);
  };

  /** @param {string} text */
  const read = (text) => {
    let record;
    try {
      record = text.length > MAX_CHARS && [...text].length > MAX_CHARS ? null : JSON.parse(text);
    } catch {
      record = null;
    }
    rule(isObject(record), 'unreadable', 'it is no JSON object');
    rule(!isDeeper(record, MAX_DEPTH), 'unreadable', 'it is too deep');
    const evidence = at(record, 'cg:proof');
    const isWhole = typeof at(evidence, 'cg:leaf') === 'string' && typeof at(evidence, 'cg:tlogProof') === 'string';
    rule(isWhole, 'unreadable', 'it has no cg:proof with a leaf and a proof');
    return { record, evidence };
  };

  /** @param {any} event */
  const isEvent = (event) =>
    isObject(event) &&
    !isDeeper(event, MAX_DEPTH) &&
    TEXTS.every((name) => typeof at(event, name) === 'string') &&
    /^[0-9a-f]{32}$/.test(event.id) &&
    ['at_ms', 'expires_ms'].every((name) => Number.isSafeInteger(at(event, name)) && event[name] >= 0 && event[name] < YEAR_10000) &&
    isObject(at(event, 'purposes')) &&
    Object.values(event.purposes).every((said) => typeof said === 'boolean');

  /** @param {any} evidence */
  const eventOf = (evidence) => {
    const text = evidence['cg:leaf'];
    let event;
    try {
      event = JSON.parse(text);
      rule(canonical(event) === text, 'leaf', 'it is not canonical JSON');
    } catch {
      throw new Refused('leaf', 'the leaf is not canonical JSON');
    }
    rule(isEvent(event), 'leaf', 'the leaf is no event');
    return event;
  };

  // What people read must be what is proven.
  /** @param {any} record @param {any} event */
  const checkStatement = (record, event) => {
    const id = event.id.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    const status = at(record, 'dpv:hasConsentStatus', 0);
    const lasts = Math.floor(Math.max(0, event.expires_ms - event.at_ms) / 1000);
    const claims = [
      ['dct:identifier', at(record, 'dct:identifier'), id],
      ['the notice', at(record, 'dpv:hasNotice', 'cg:sha256'), event.notice_hash],
      ['the language', at(record, 'dpv:hasNotice', 'dct:language'), event.language],
      ['the state', at(status, '@type'), 'dpv:' + event.state],
      ['the time', at(status, 'dpv:isIndicatedAtTime'), new Date(event.at_ms).toISOString()],
      ['the duration', at(status, 'dpv:hasDuration', 'rdf:value'), 'PT' + lasts + 'S'],
    ];
    for (const [name, said, proven] of claims) rule(said === proven, 'statement', name + ' is not that of the leaf');
    const list = at(record, 'dpv:hasProcess');
    const said = (Array.isArray(list) ? list : []).map((one) => [at(one, 'cg:purpose'), at(one, 'cg:granted')]);
    const isSame =
      record['dpv:hasConsentStatus'].length === 1 &&
      said.length === Object.keys(event.purposes).length &&
      new Set(said.map(([key]) => key)).size === said.length &&
      said.every(([key, granted]) => typeof key === 'string' && typeof granted === 'boolean' && at(event.purposes, key) === granted);
    rule(isSame, 'statement', 'the purposes are not those of the leaf');
  };

  // Whom the leaf is about: whoever has subject and salt can show it, nobody must.
  /** @param {any} record @param {any} evidence @param {any} event */
  const checkSubject = async (record, evidence, event) => {
    const subject = at(evidence, 'cg:subject') ?? null;
    const salt = at(evidence, 'cg:salt') ?? null;
    const named = at(record, 'dpv:hasDataSubject', 'dct:identifier') ?? null;
    rule(!event.subject || /^salted:[0-9a-f]{64}$/.test(event.subject), 'subject', 'the leaf names its subject in the open');
    if (subject === null && salt === null && named === null) return;
    const isWhole = typeof subject === 'string' && named === subject && typeof salt === 'string';
    rule(isWhole, 'subject', 'the subject is not the one whose salt is given');
    const raw = bytesOf(salt);
    const isOpened = raw !== null && raw.length === 32 && !HALF.test(subject);
    const opened = isOpened ? 'salted:' + hex(await sha256([2], raw, utf8(subject))) : '';
    rule(event.subject !== '' && opened === event.subject, 'subject', 'the leaf is about another subject');
  };

  /** @param {string} text */
  const numberOf = (text) => {
    const number = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
    rule(Number.isSafeInteger(number), 'proof', 'expected a whole number');
    return number;
  };

  /** @param {string} text */
  const hashOf = (text) => {
    const raw = bytesOf(text);
    if (raw === null || raw.length !== 32) throw new Refused('proof', 'expected a hash of 32 bytes in base64');
    return raw;
  };

  // An inclusion proof (C2SP tlog-proof) with its signed note.
  /** @param {string} text */
  const proofOf = (text) => {
    const end = text.indexOf('\n\n');
    const lines = text.slice(0, Math.max(end, 0)).split('\n');
    rule(end >= 0 && lines[0] === 'c2sp.org/tlog-proof@v1', 'proof', 'it is no proof of a leaf');
    if (lines.length > 1 && lines[1].startsWith('extra ')) lines.splice(1, 1);
    const isWhole = lines.length > 1 && lines[1].startsWith('index ') && lines.length - 2 <= MAX_HASHES;
    rule(isWhole, 'proof', 'expected an index and hashes');
    return { index: numberOf(lines[1].slice(6)), hashes: lines.slice(2).map(hashOf), note: text.slice(end + 2) };
  };

  // A signed note (C2SP signed-note): its text and its signature lines.
  /** @param {string} note */
  const noteOf = (note) => {
    const end = note.lastIndexOf('\n\n');
    const isText = end >= 0 && note.length <= 2 * MAX_CHARS && !/[\x00-\x09\x0b-\x1f]/.test(note);
    rule(isText, 'proof', 'it is no signed note');
    const lines = note.slice(end + 2).split('\n');
    rule(lines.pop() === '' && lines.length > 0 && lines.length <= MAX_SIGNATURES, 'proof', 'expected signatures');
    const signatures = lines.map((line) => {
      const shape = LINE.exec(line);
      const raw = shape && bytesOf(shape[2]);
      if (!shape || !raw || raw.length < 5) throw new Refused('proof', 'a signature line is malformed');
      return { name: shape[1], id: hex(raw.slice(0, 4)), signature: raw.slice(4) };
    });
    return { text: note.slice(0, end + 1), signatures };
  };

  // A checkpoint (C2SP tlog-checkpoint).
  /** @param {string} text */
  const checkpointOf = (text) => {
    const lines = text.split('\n');
    const isWhole = lines.length > 3 && lines.pop() === '' && lines.every((line) => line !== '');
    rule(isWhole, 'proof', 'it is no checkpoint');
    return { origin: lines[0], size: numberOf(lines[1]), root: hashOf(lines[2]) };
  };

  // A verifier key of a note: name+id+base64 of 0x01 and an Ed25519 key.
  /** @param {any} vkey */
  const keyOf = async (vkey) => {
    const shape = typeof vkey === 'string' && !HALF.test(vkey) ? /^([^+]*)\+([0-9a-f]{8})\+([^]*)$/.exec(vkey) : null;
    const raw = shape && bytesOf(shape[3]);
    if (!shape || !raw || raw[0] !== 1 || raw.length !== 33 || !NAME.test(shape[1])) throw new Refused('proof', 'it is no verifier key');
    const id = hex((await sha256(utf8(shape[1] + '\n'), raw)).slice(0, 4));
    rule(id === shape[2], 'proof', 'the id of the verifier key is not that of its key');
    return { name: shape[1], id, key: raw.slice(1) };
  };

  // The name of the first key that signed; empty where none that is known did.
  /** @param {any} note @param {any[]} keys @param {string} origin */
  const signerOf = async (note, keys, origin) => {
    let found = '';
    const seen = new Set();
    for (const line of note.signatures) {
      const known = keys.find((key) => key.name === origin && key.name === line.name && key.id === line.id);
      if (!known || seen.has(known.id)) continue;
      seen.add(known.id);
      let isSigned = false;
      try {
        const key = await crypto.subtle.importKey('raw', known.key, { name: 'Ed25519' }, false, ['verify']);
        isSigned = await crypto.subtle.verify({ name: 'Ed25519' }, key, line.signature, utf8(note.text));
      } catch (error) {
        // A browser without Ed25519 cannot say that a signature is wrong.
        if (/** @type {Error} */ (error).name === 'NotSupportedError') throw error;
      }
      rule(isSigned, 'signature', 'the signature of ' + known.name + ' is wrong');
      found = found || known.name;
    }
    return found;
  };

  // The root to which a proof leads (RFC 9162, section 2.1.3.2); null where it does not fit the tree.
  /** @param {Uint8Array} leaf @param {any} proof @param {number} size */
  const rootOf = async (leaf, proof, size) => {
    if (proof.index >= size) return null;
    let node = BigInt(proof.index);
    let last = BigInt(size - 1);
    let root = leaf;
    for (const sibling of proof.hashes) {
      if (last === 0n) return null;
      if (node & 1n || node === last) {
        root = await sha256([1], sibling, root);
        while (!(node & 1n) && node) {
          node >>= 1n;
          last >>= 1n;
        }
      } else {
        root = await sha256([1], root, sibling);
      }
      node >>= 1n;
      last >>= 1n;
    }
    return last === 0n ? root : null;
  };

  /** @param {string} text @param {string[]} vkeys */
  const checked = async (text, vkeys) => {
    const given = await Promise.all(vkeys.map(keyOf));
    const { record, evidence } = read(text);
    const event = eventOf(evidence);
    checkStatement(record, event);
    await checkSubject(record, evidence, event);
    const proof = proofOf(evidence['cg:tlogProof']);
    const vkey = at(evidence, 'cg:verifierKey') ?? null;
    const keys = given.length || vkey === null ? given : [await keyOf(vkey)];
    const note = noteOf(proof.note);
    const checkpoint = checkpointOf(note.text);
    const signer = await signerOf(note, keys, checkpoint.origin);
    const root = await rootOf(await sha256([0], utf8(evidence['cg:leaf'])), proof, checkpoint.size);
    rule(root !== null && isEqual(root, checkpoint.root), 'inclusion', 'the tree of the checkpoint does not hold the leaf');
    return { broken: null, why: '', event, origin: checkpoint.origin, size: checkpoint.size, signedBy: signer, isOwnKey: !given.length && signer !== '' };
  };

  // Checks a receipt. broken: the rule it breaks, or null; signedBy: the key's name, or nothing.
  /** @param {string} text @param {string[]} [vkeys] */
  const check = async (text, vkeys = []) => {
    try {
      return await checked(text, vkeys);
    } catch (error) {
      if (error instanceof Refused) return { broken: error.broken, why: error.message, event: null, origin: '', size: 0, signedBy: '', isOwnKey: false };
      throw error;
    }
  };

  Object.defineProperty(globalThis, 'privacyReceipt', { value: Object.freeze({ check }) });

  const page = globalThis.document;
  const file = /** @type {HTMLInputElement | null | undefined} */ (page?.getElementById('receipt'));
  if (!page || !file) return;
  const key = /** @type {HTMLInputElement} */ (page.getElementById('key'));
  const verdict = /** @type {HTMLElement} */ (page.getElementById('verdict'));
  const facts = /** @type {HTMLElement} */ (page.getElementById('facts'));

  /** @param {string} outcome @param {string} text */
  const tell = (outcome, text) => {
    verdict.dataset.outcome = outcome;
    verdict.textContent = text;
  };

  /** @param {any} found */
  const show = (found) => {
    const event = found.event;
    const said = Object.entries(event.purposes).map(([name, granted]) => name + ': ' + (granted ? 'granted' : 'refused'));
    const rows = [
      ['Time', new Date(event.at_ms).toISOString()],
      ['State', event.state],
      ['Purposes', said.join(', ') || 'none'],
      ['Notice (SHA-256)', event.notice_hash || 'none'],
      ['Policy version', event.policy_version],
      ['Ledger', found.origin + ', ' + found.size + ' events'],
    ];
    facts.replaceChildren(
      ...rows.flatMap((row) =>
        row.map((text, column) => {
          const cell = page.createElement(column ? 'dd' : 'dt');
          cell.textContent = text;
          return cell;
        }),
      ),
    );
  };

  const run = async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    facts.replaceChildren();
    tell('', '');
    try {
      const found = await check(await chosen.text(), key.value.trim() ? [key.value.trim()] : []);
      if (found.broken) {
        tell('refused', 'Not proven. ' + found.broken + ': ' + found.why + '.');
        return;
      }
      show(found);
      if (!found.signedBy) tell('unsigned', 'The ledger of this checkpoint holds the receipt, but no key that you can check signed it. Only the operator can.');
      else if (found.isOwnKey) tell('proven', 'Proven, by the key that came with the receipt. Compare it with the key that the site has published.');
      else tell('proven', 'Proven, by the key that you gave.');
    } catch {
      tell('refused', 'This browser cannot check Ed25519 signatures. Use another one, or the command consentgate receipt verify.');
    }
  };
  file.addEventListener('change', run);
  key.addEventListener('change', run);
})();
