import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rules } from './policy.js';

const scope = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingresses',
  subresource: '',
  namespace: 'default',
  name: 'web',
};

const keysOf = (hosts, settings) =>
  rules.keys(scope, JSON.stringify({ spec: { rules: hosts } }), rules.checkSettings(JSON.stringify(settings)));

test('a host of two rules is one key', () => {
  const key = { realm: 'ingress-host', path: ['a.example.com'], stance: 'holds', note: '' };
  assert.deepEqual(keysOf([{ host: 'a.example.com' }, { host: 'a.example.com' }, {}], {}), [key]);
});

test('a host that may be shared is no key', () => {
  assert.deepEqual(keysOf([{ host: 'a.example.com' }], { sharedHosts: ['a.example.com'] }), []);
});
