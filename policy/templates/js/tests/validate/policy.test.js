import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rules } from './policy.js';

const request = {
  operation: 'create',
  phase: 'validate',
  scope: { group: 'apps', version: 'v1', resource: 'deployments', subresource: '', namespace: 'default', name: 'web' },
  kind: 'Deployment',
  dryRun: false,
  userInfo: '',
};

test('a missing field counts as one replica', () => {
  const settings = rules.checkSettings('{"maxReplicas": 1}');
  const outcome = rules.review({ ...request, object: '{"spec": {}}' }, settings);
  assert.deepEqual(outcome, { tag: 'decided', val: { findings: [], patch: undefined, migration: [], audit: [] } });
});

test('a setting that is out of range is named', () => {
  const refused = (settings, problem) => assert.throws(() => rules.checkSettings(settings), (problems) => {
    assert.deepEqual(problems, [problem]);
    return true;
  });
  refused('{"maxReplicas": 0}', { field: 'maxReplicas', message: 'must be 1 or more' });
  refused('{"maxReplicas": "2"}', { field: 'maxReplicas', message: 'must be a whole number' });
  refused('{"maxReplica": 2}', { field: 'maxReplica', message: 'is no setting; there is only maxReplicas' });
});
