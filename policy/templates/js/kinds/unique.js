// @ts-check
// Denies an Ingress with a host that another Ingress has.
//
// A host name is a key: the server indexes the keys of the stored objects, and gives a review those that overlap. So the policy
// lists nothing, and two Ingresses that arrive together cannot both be admitted.

import { deny, holds, namespaced, policy, reviewOf, watchOf } from './ordinance.js';

const INGRESSES = namespaced('networking.k8s.io', 'v1', 'ingresses');

const SHARED_HOST = deny({
  id: 'shared-host',
  title: 'Two Ingresses have one host',
  setting: 'sharedHosts',
  explanation: `Which of two Ingresses gets the requests to one host depends on the controller.

Give each Ingress a host of its own, or name the host in the setting \`sharedHosts\`.`,
});

/** The tree of all keys of this policy. */
const REALM = 'ingress-host';

const SETTINGS = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sharedHosts: {
      description: 'Hosts that several Ingresses may have.',
      type: 'array',
      items: { type: 'string' },
      default: [],
    },
  },
};

export const rules = policy({
  name: '{{name}}',
  version: '0.1.0',
  watches: [watchOf(INGRESSES)],
  reviews: [reviewOf(INGRESSES)],
  rules: [SHARED_HOST],
  settings: SETTINGS,

  keys(object, settings) {
    return [...hostsOf(object, settings).keys()].map((host) => holds(REALM, [host]));
  },

  review({ object, holdings, verdict }, settings) {
    const hosts = hostsOf(object, settings);
    for (const { path, holder } of holdings) {
      // The path of a key is the host.
      const [host] = path;
      const position = hosts.get(host);
      if (position === undefined) continue;
      const other = `Ingress ${JSON.stringify(holder.name)} in namespace ${JSON.stringify(holder.namespace)}`;
      verdict.report(SHARED_HOST, {
        field: ['spec', 'rules', position, 'host'],
        fact: `Ingress ${object.quotedName} has the host ${JSON.stringify(host)}, which ${other} has`,
        remedy: 'Choose another host',
        related: [holder],
      });
    }
  },
});

/**
 * Returns the hosts that must be unique, each with the position of its first rule.
 * @param {import('./ordinance.js').KubernetesObject} object
 * @param {import('./ordinance.js').Settings} settings
 * @returns {Map<string, number>}
 */
function hostsOf(object, { sharedHosts }) {
  const hosts = new Map();
  for (const position of object.list('spec', 'rules').keys()) {
    const host = object.string('spec', 'rules', position, 'host');
    // A rule without a host is for all hosts that no other rule names.
    if (host && !sharedHosts.includes(host) && !hosts.has(host)) hosts.set(host, position);
  }
  return hosts;
}
