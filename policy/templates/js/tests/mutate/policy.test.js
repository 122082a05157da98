import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rules } from './policy.js';

const request = {
  operation: 'create',
  phase: 'mutate',
  scope: { group: 'apps', version: 'v1', resource: 'deployments', subresource: '', namespace: 'default', name: 'web' },
  kind: 'Deployment',
  dryRun: false,
  userInfo: '',
};

/** The patch of an object, parsed; undefined if there is none. */
function patchOf(object) {
  const { val: verdict } = rules.review({ ...request, object: JSON.stringify(object) }, rules.checkSettings(''));
  assert.deepEqual(verdict.findings, []);
  return verdict.patch && JSON.parse(verdict.patch);
}

test('the patched object needs no patch', () => {
  const value = false;
  const path = '/spec/template/spec/automountServiceAccountToken';
  assert.deepEqual(patchOf({ spec: { template: { spec: {} } } }), [{ op: 'add', path, value }]);
  assert.equal(patchOf({ spec: { template: { spec: { automountServiceAccountToken: value } } } }), undefined);
});

test('missing parents are added, too', () => {
  const value = { spec: { automountServiceAccountToken: false } };
  assert.deepEqual(patchOf({ spec: {} }), [{ op: 'add', path: '/spec/template', value }]);
});
