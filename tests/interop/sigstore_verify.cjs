// SPDX-License-Identifier: Apache-2.0
//
// Gives what a log proves (JSON on standard input, as tests/support/proven_log.py writes it) to the code of the npm
// package @sigstore/verify, and says as JSON what it accepted and what of the altered copies it did not refuse.
//
// Usage: node sigstore_verify.cjs FOLDER-OF-NODE_MODULES

'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const modules = path.resolve(process.argv[2]);
const inside = (name) => require(path.join(modules, '@sigstore', name));
const { verifyMerkleInclusion } = inside('verify/dist/tlog/merkle.js');
const { verifyCheckpoint } = inside('verify/dist/tlog/checkpoint.js');
const { verifySCTs } = inside('verify/dist/key/sct.js');
const { X509Certificate } = inside('core');

const given = JSON.parse(fs.readFileSync(0, 'utf-8'));
const bytes = (text) => Buffer.from(text, 'base64');
const altered = (value) => Buffer.concat([Buffer.from([value[0] ^ 1]), value.subarray(1)]);
const accepted = { inclusions: 0, checkpoints: 0, scts: 0 };
let wronglyAccepted = 0;

function expectRefusal(check) {
  try {
    check();
  } catch {
    return;
  }
  wronglyAccepted += 1;
}

function checkInclusion(inclusion) {
  const entry = (leaf, hashes) => ({
    canonicalizedBody: leaf,
    inclusionProof: { logIndex: inclusion.index, hashes },
  });
  const leaf = bytes(inclusion.leaf);
  const hashes = inclusion.path.map(bytes);
  const tree = { logSize: inclusion.size, logHash: bytes(inclusion.root) };
  verifyMerkleInclusion(entry(leaf, hashes), tree);
  accepted.inclusions += 1;
  expectRefusal(() => verifyMerkleInclusion(entry(altered(leaf), hashes), tree));
  expectRefusal(() => verifyMerkleInclusion(entry(leaf, [...hashes, Buffer.alloc(32)]), tree));
  expectRefusal(() => verifyMerkleInclusion(entry(leaf, hashes), { ...tree, logHash: altered(tree.logHash) }));
}

const always = { start: new Date(0), end: new Date(8.64e15) };
const ed25519 = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes(given.note_key.key)]);
const noteLog = {
  logID: bytes(given.note_key.id),
  baseURL: given.note_key.name,
  publicKey: crypto.createPublicKey({ key: ed25519, format: 'der', type: 'spki' }),
  validFor: always,
};

function checkCheckpoint(envelope, inclusion) {
  const entry = (text) => ({ inclusionProof: { checkpoint: { envelope: text } } });
  const checkpoint = verifyCheckpoint(entry(envelope), [noteLog]);
  verifyMerkleInclusion(
    { canonicalizedBody: bytes(inclusion.leaf), inclusionProof: { logIndex: inclusion.index, hashes: inclusion.path.map(bytes) } },
    checkpoint,
  );
  accepted.checkpoints += 1;
  const lines = envelope.split('\n');
  lines[1] = String(Number(lines[1]) + 1);
  expectRefusal(() => verifyCheckpoint(entry(lines.join('\n')), [noteLog]));
  expectRefusal(() => verifyCheckpoint(entry(envelope), [{ ...noteLog, logID: altered(noteLog.logID) }]));
}

function checkSCT() {
  const sctKey = bytes(given.sct_key);
  const log = {
    logID: crypto.createHash('sha256').update(sctKey).digest(),
    publicKey: crypto.createPublicKey({ key: sctKey, format: 'der', type: 'spki' }),
    validFor: always,
  };
  const certificate = X509Certificate.parse(bytes(given.certificate));
  const [issuing, root] = given.chain.map((der) => X509Certificate.parse(bytes(der)));
  accepted.scts = verifySCTs(certificate, issuing, [log]).length;
  expectRefusal(() => verifySCTs(certificate, root, [log]));
  expectRefusal(() => verifySCTs(certificate, issuing, []));
}

given.inclusions.forEach(checkInclusion);
checkCheckpoint(given.checkpoint, given.inclusions[given.inclusions.length - 1]);
checkCheckpoint(given.proof_checkpoint, given.proof);
checkSCT();
process.stdout.write(JSON.stringify({ accepted, wronglyAccepted }) + '\n');
