// @ts-check
// Denies a Deployment with more replicas than the settings allow.

import { deny, namespaced, policy, reviewOf } from './ordinance.js';

const DEPLOYMENTS = namespaced('apps', 'v1', 'deployments');

const TOO_MANY_REPLICAS = deny({
  id: 'too-many-replicas',
  title: 'A Deployment has more replicas than allowed',
  setting: 'maxReplicas',
  explanation: `Every replica costs memory and a share of the quota.

Set \`spec.replicas\` to the number that the service needs.`,
});

const SETTINGS = {
  type: 'object',
  additionalProperties: false,
  properties: {
    maxReplicas: {
      description: 'The most replicas that a Deployment may have.',
      type: 'integer',
      minimum: 1,
      default: 10,
    },
  },
};

export const rules = policy({
  name: '{{name}}',
  version: '0.1.0',
  reviews: [reviewOf(DEPLOYMENTS)],
  rules: [TOO_MANY_REPLICAS],
  settings: SETTINGS,

  review({ object, verdict }, { maxReplicas }) {
    // The API server sets one replica if the field is missing.
    const replicas = object.number('spec', 'replicas') ?? 1;
    if (replicas <= maxReplicas) return;
    verdict.report(TOO_MANY_REPLICAS, {
      field: ['spec', 'replicas'],
      fact: `Deployment ${object.quotedName} has ${replicas} replicas, and at most ${maxReplicas} are allowed`,
      remedy: `Set spec.replicas to ${maxReplicas} or less`,
    });
  },
});
