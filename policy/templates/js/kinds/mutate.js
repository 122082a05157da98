// @ts-check
// Gives the pods of a Deployment no token of the API server, unless the Deployment asks for one.

import { Patch, deny, namespaced, policy, reviewOf } from './ordinance.js';

const DEPLOYMENTS = namespaced('apps', 'v1', 'deployments');

const UNDECIDED_TOKEN = deny({
  id: 'undecided-token',
  title: 'A Deployment does not say whether its pods get a token',
  setting: 'automount',
  explanation: `Kubernetes mounts a token of the API server into every pod that does not refuse it.

The mutating webhook adds \`automountServiceAccountToken\`; write the field if it was not called.`,
});

/** Where a Deployment says whether its pods get a token. */
const FIELD = ['spec', 'template', 'spec', 'automountServiceAccountToken'];

const SETTINGS = {
  type: 'object',
  additionalProperties: false,
  properties: {
    automount: {
      description: 'Whether pods get a token if their Deployment does not say so.',
      type: 'boolean',
      default: false,
    },
  },
};

export const rules = policy({
  name: '{{name}}',
  version: '0.1.0',
  reviews: [reviewOf(DEPLOYMENTS, { phases: ['mutate', 'validate'] })],
  rules: [UNDECIDED_TOKEN],
  settings: SETTINGS,

  review({ object, verdict }, { automount }) {
    const patch = new Patch(object);
    patch.addMissing(FIELD, automount);
    // The mutating webhook patches; the validating one denies what still lacks the patch.
    verdict.demand(patch, UNDECIDED_TOKEN, {
      field: FIELD,
      fact: `Deployment ${object.quotedName} does not say whether its pods get a token`,
      remedy: `Set ${FIELD.join('.')} to ${automount}`,
    });
  },
});
