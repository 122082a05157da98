// @ts-check
// What every policy needs: settings by a JSON Schema, fields of objects, keys, findings and patches.
//
// `policy()` makes the functions of the contract (`policy.wit`) of a definition. A component has no network, files, clock or
// randomness, and each review runs in a new instance, which keeps nothing for the next one.

/**
 * A resource of the API server.
 * @typedef {{group: string, version: string, resource: string, namespaced: boolean}} Resource
 */

/**
 * The object that a question is about. `name` is empty until the API server has generated it.
 * @typedef {{group: string, version: string, resource: string, subresource: string, namespace: string, name: string}} Scope
 */

/** @typedef {'create' | 'update' | 'delete' | 'connect'} Operation */
/** @typedef {'mutate' | 'validate' | 'audit'} Phase */
/** @typedef {'deny' | 'warn' | 'note'} Severity */
/** @typedef {'holds' | 'uses' | 'looks'} Stance */
/** @typedef {Record<string, any>} Settings */
/** @typedef {{field: string, message: string}} Problem */
/** @typedef {{realm: string, path: string[], stance: Stance, note: string}} Key */
/** @typedef {{realm: string, path: string[], stance: Stance, note: string, holder: Scope, count: number}} Holding */

/**
 * The steps to a field: names, and positions in lists, e.g. `['spec', 'rules', 0, 'host']`.
 * @typedef {(string | number)[]} Path
 */

/**
 * A rule; unset members get the default of `deny()`.
 * @typedef {{id: string, title: string, severity: Severity, setting: string, annotations: string[], explanation: string}} Rule
 */

/**
 * A request as the contract has it.
 * @typedef {{operation: Operation, phase: Phase, scope: Scope, kind: string, dryRun: boolean, userInfo: string, object?: string,
 *   oldObject?: string}} Request
 */

/**
 * What a finding says besides its rule. `fact` and `remedy` are lines without a full stop.
 * @typedef {{fact: string, remedy?: string, field?: Path, severity?: Severity, related?: Scope[],
 *   fixes?: {title: string, patch: Patch}[]}} Details
 */

/**
 * What `review` is given: the request, the object if there is one, and the holdings that overlap its keys.
 * @typedef {{request: Request, object: KubernetesObject, holdings: Holding[], verdict: Verdict}} Review
 */

/**
 * @typedef {object} Definition
 * @property {string} name
 * @property {string} version
 * @property {object[]} reviews What `reviewOf` returns.
 * @property {object[]} [watches] What `watchOf` returns, for the objects whose keys matter.
 * @property {Rule[]} rules
 * @property {object} settings The JSON Schema of the settings. Defaults are filled in before the policy sees them.
 * @property {(settings: Settings) => Problem[]} [check] What the schema cannot express.
 * @property {(object: KubernetesObject, settings: Settings) => Key[]} [keys]
 * @property {(review: Review, settings: Settings) => void} review
 */

/** An object cannot be read as the policy expects. The request is denied by the rule `unreadable-object`. */
export class ObjectError extends Error {
  /**
   * @param {Path} path
   * @param {string} reason
   */
  constructor(path, reason) {
    super(`${fieldName(path)} ${reason}`);
    this.path = path;
  }
}

/** The fields of an object of Kubernetes. A field that is `null` counts as missing. */
export class KubernetesObject {
  /**
   * @param {Scope} scope
   * @param {any} json
   */
  constructor(scope, json) {
    this.scope = scope;
    this.json = json;
  }

  /** The name in double quotes, for messages. Until the API server has generated it, its prefix and `*`, e.g. `"job-*"`. */
  get quotedName() {
    if (this.scope.name !== '') return JSON.stringify(this.scope.name);
    const prefix = this.json?.metadata?.generateName;
    return JSON.stringify(`${typeof prefix === 'string' ? prefix : ''}*`);
  }

  /** @param {Path} path @returns {any} The value of a field, or undefined if it or a parent is missing. */
  value(...path) {
    let value = this.json;
    for (const [depth, step] of path.entries()) {
      requireParent(value, path.slice(0, depth), step);
      value = own(value, step);
      if (value === undefined) return undefined;
    }
    return value;
  }

  /** @param {Path} path @returns {string | undefined} */
  string(...path) {
    return this.#typed(path, (value) => typeof value === 'string', 'is not a string');
  }

  /** @param {Path} path @returns {number | undefined} */
  number(...path) {
    return this.#typed(path, (value) => typeof value === 'number', 'is not a number');
  }

  /** @param {Path} path @returns {boolean | undefined} */
  boolean(...path) {
    return this.#typed(path, (value) => typeof value === 'boolean', 'is not true or false');
  }

  /** @param {Path} path @returns {any[]} The list, or an empty one if it is missing. */
  list(...path) {
    return this.#typed(path, Array.isArray, 'is not a list') ?? [];
  }

  /** @param {Path} path @returns {Record<string, any>} The object, or an empty one if it is missing. */
  map(...path) {
    return this.#typed(path, isMap, 'is not an object') ?? {};
  }

  /**
   * @param {Path} path
   * @param {(value: any) => boolean} isValid
   * @param {string} reason
   */
  #typed(path, isValid, reason) {
    const value = this.value(...path);
    if (value !== undefined && !isValid(value)) throw new ObjectError(path, reason);
    return value;
  }
}

/** A JSON Patch that adds what is missing and changes nothing that is there. */
export class Patch {
  #json;
  /** @type {{op: 'add', path: string, value: any}[]} */
  #operations = [];

  /** @param {KubernetesObject} object */
  constructor(object) {
    // A copy: several additions may share parents that are missing.
    this.#json = copy(object.json);
  }

  get isEmpty() {
    return this.#operations.length === 0;
  }

  /**
   * Adds a field with its missing parents, unless it is there.
   * @param {Path} path
   * @param {any} value
   */
  addMissing(path, value) {
    let parent = this.#json;
    for (const [depth, step] of path.entries()) {
      requireParent(parent, path.slice(0, depth), step);
      const child = own(parent, step);
      if (child === undefined) {
        const missing = path.slice(depth);
        // A parent that is missing can be added as an object, but an item of a list has no value to add.
        if (missing.some((name) => typeof name === 'number')) throw new ObjectError(path, 'is missing');
        const added = missing.slice(1).reduceRight((inner, name) => ({ [name]: inner }), value);
        parent[step] = copy(added);
        this.#operations.push({ op: 'add', path: pointer(path.slice(0, depth + 1)), value: added });
        return;
      }
      parent = child;
    }
  }

  /** The patch as JSON text. */
  toString() {
    return JSON.stringify(this.#operations);
  }
}

/** The answer to a request, which is admitted unless a finding denies it. */
export class Verdict {
  #phase;
  /** @type {any[]} */
  #findings = [];
  /** @type {{key: string, value: string}[]} */
  #audit = [];
  /** @type {string | undefined} */
  #patch;

  /** @param {Phase} phase */
  constructor(phase) {
    this.#phase = phase;
  }

  /**
   * Adds a finding of a rule.
   * @param {Rule} rule
   * @param {Details} details
   */
  report(rule, { fact, remedy = '', field = [], severity = rule.severity, related = [], fixes = [] }) {
    this.#findings.push({
      rule: rule.id,
      severity,
      wouldDeny: false,
      field: fieldName(field),
      fact,
      remedy,
      related,
      fixes: fixes.map(({ title, patch }) => ({ title, patch: patch.toString() })),
    });
  }

  /**
   * Returns the patch to the mutating webhook; the validating one denies what still lacks it.
   * @param {Patch} patch
   * @param {Rule} rule
   * @param {Details} details
   */
  demand(patch, rule, details) {
    if (patch.isEmpty) return;
    if (this.#phase === 'mutate') this.#patch = patch.toString();
    else this.report(rule, details);
  }

  /**
   * Adds an entry to the API server's audit log.
   * @param {string} key 1 to 63 letters, digits, dots, underscores and hyphens.
   * @param {string} value
   */
  audit(key, value) {
    this.#audit.push({ key, value });
  }

  /** The verdict as the contract has it: one that denies has no patch. */
  toContract() {
    const isDenied = this.#findings.some(({ severity }) => severity === 'deny');
    const patch = isDenied ? undefined : this.#patch;
    return { findings: this.#findings, patch, migration: [], audit: this.#audit };
  }
}

/**
 * A resource whose objects are in namespaces.
 * @param {string} group
 * @param {string} version
 * @param {string} resource
 * @returns {Resource}
 */
export function namespaced(group, version, resource) {
  return { group, version, resource, namespaced: true };
}

/**
 * A resource whose objects are in no namespace.
 * @param {string} group
 * @param {string} version
 * @param {string} resource
 * @returns {Resource}
 */
export function clusterScoped(group, version, resource) {
  return { group, version, resource, namespaced: false };
}

/**
 * The requests to review: of a resource, when it is created or updated, in the validating webhook.
 * @param {Resource} resource
 * @param {object} [changes] Other members of `review-scope`, e.g. `{phases: ['mutate', 'validate']}`.
 */
export function reviewOf(resource, changes = {}) {
  return {
    ...resource,
    name: resource.resource,
    subresource: '',
    operations: ['create', 'update'],
    phases: ['validate'],
    failurePolicy: 'fail',
    matchConditions: [],
    ...changes,
  };
}

/**
 * A resource whose stored objects have keys.
 * @param {Resource} resource
 * @param {{metadataOnly?: boolean, precedes?: boolean}} [changes]
 */
export function watchOf({ group, version, resource }, changes = {}) {
  return { group, version, resource, metadataOnly: false, precedes: false, ...changes };
}

/**
 * A rule that denies.
 * @param {Partial<Rule> & {id: string, title: string}} rule
 * @returns {Rule}
 */
export function deny(rule) {
  return { severity: 'deny', setting: '', annotations: [], explanation: rule.title, ...rule };
}

/**
 * A key that the object owns: no other object can be admitted with one that overlaps, if the policy denies that.
 * @param {string} realm
 * @param {string[]} path
 * @returns {Key}
 */
export function holds(realm, path, note = '') {
  return { realm, path, stance: 'holds', note };
}

/**
 * A key that the object shares.
 * @param {string} realm
 * @param {string[]} path
 * @returns {Key}
 */
export function uses(realm, path, note = '') {
  return { realm, path, stance: 'uses', note };
}

/**
 * A key of which the object only asks who has it.
 * @param {string} realm
 * @param {string[]} path
 * @returns {Key}
 */
export function looks(realm, path, note = '') {
  return { realm, path, stance: 'looks', note };
}

const UNREADABLE_OBJECT = deny({
  id: 'unreadable-object',
  title: 'An object cannot be read',
  explanation: 'A field of the object is of another type than the policy expects, so that the policy cannot decide.',
});

/**
 * Returns the functions of the contract's interface `rules`.
 * @param {Definition} definition
 */
export function policy(definition) {
  const schema = definition.settings;
  requireKeywords(schema, 'settings');
  /** @type {((holdings: Holding[]) => any) | undefined} */
  let pending;

  /** @param {KubernetesObject} object @param {Settings} settings */
  const keysOf = (object, settings) => definition.keys?.(object, settings) ?? [];

  /** @param {Request} request @param {KubernetesObject} object @param {Settings} settings @param {Holding[]} holdings */
  const decide = (request, object, settings, holdings) => {
    const verdict = new Verdict(request.phase);
    definition.review({ request, object, holdings, verdict }, settings);
    return verdict.toContract();
  };

  /** @param {Request} request @param {KubernetesObject} object @param {unknown} error */
  const unreadable = ({ scope, phase }, object, error) => {
    if (!(error instanceof ObjectError)) throw error;
    const verdict = new Verdict(phase);
    const fact = `${scope.resource} ${object.quotedName} can't be read: ${error.message}`;
    verdict.report(UNREADABLE_OBJECT, { fact, field: error.path, remedy: 'Correct the field' });
    return verdict.toContract();
  };

  return {
    describe() {
      return {
        name: definition.name,
        version: definition.version,
        watches: definition.watches ?? [],
        reviews: definition.reviews,
        rules: [...definition.rules, UNREADABLE_OBJECT],
        settingsSchema: JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }),
      };
    },

    /** @param {string} text */
    checkSettings(text) {
      const settings = text === '' ? {} : JSON.parse(text);
      const problems = problemsOf(settings, schema, []);
      if (problems.length === 0) {
        const complete = withDefaults(settings, schema);
        problems.push(...(definition.check?.(complete) ?? []));
        if (problems.length === 0) return JSON.stringify(complete);
      }
      // The error of a `result` of the contract is thrown as it is.
      throw problems;
    },

    /** @param {Scope} scope @param {string} object @param {string} settings */
    keys(scope, object, settings) {
      try {
        return keysOf(new KubernetesObject(scope, JSON.parse(object)), readSettings(settings, schema));
      } catch (error) {
        throw error instanceof ObjectError ? error.message : error;
      }
    },

    /** @param {Request} request @param {string} settingsText @param {Holding[]} [holdings] */
    review(request, settingsText, holdings) {
      if (request.object === undefined) return { tag: 'decided', val: new Verdict(request.phase).toContract() };
      const object = new KubernetesObject(request.scope, JSON.parse(request.object));
      const settings = readSettings(settingsText, schema);
      try {
        const keys = keysOf(object, settings);
        if (keys.length > 0 && holdings === undefined) {
          pending = (found) => decide(request, object, settings, found);
          return { tag: 'needs', val: keys };
        }
        return { tag: 'decided', val: decide(request, object, settings, holdings ?? []) };
      } catch (error) {
        return { tag: 'decided', val: unreadable(request, object, error) };
      }
    },

    /** @param {Holding[]} holdings */
    resume(holdings) {
      if (pending === undefined) throw new Error('`resume` was called before `review`');
      return pending(holdings);
    },
  };
}

// === fields ===

/** @param {any} value */
function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {any} json */
function copy(json) {
  return JSON.parse(JSON.stringify(json));
}

/** @param {any} parent @param {string | number} step */
function own(parent, step) {
  // Not `parent[step]` alone: every object inherits `constructor`.
  return Object.hasOwn(parent, step) ? (parent[step] ?? undefined) : undefined;
}

/** @param {any} value @param {Path} path @param {string | number} step */
function requireParent(value, path, step) {
  if (typeof step === 'number' && !Array.isArray(value)) throw new ObjectError(path, 'is not a list');
  if (typeof step === 'string' && !isMap(value)) throw new ObjectError(path, 'is not an object');
}

/** @param {Path} path @returns {string} e.g. `spec.rules[0].host` */
function fieldName(path) {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '');
}

/** @param {Path} path @returns {string} A JSON Pointer (RFC 6901). */
function pointer(path) {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

// === settings ===

/** The keywords of JSON Schema that describe, and those that `problemsOf` checks. */
const KEYWORDS = [
  ...['$schema', 'title', 'description', 'default', 'examples'],
  ...['type', 'enum', 'properties', 'required', 'additionalProperties', 'items'],
  ...['minimum', 'maximum', 'minLength', 'minItems', 'pattern'],
];

/**
 * Fails if a schema has a keyword or a type that would not be checked.
 * @param {any} schema
 * @param {string} place
 */
function requireKeywords(schema, place) {
  for (const keyword of Object.keys(schema)) {
    if (!KEYWORDS.includes(keyword)) throw new Error(`${place}: ordinance.js does not check the keyword ${keyword}`);
  }
  if (schema.type !== undefined && !Object.hasOwn(TYPES, schema.type)) {
    throw new Error(`${place}: the type must be one of ${Object.keys(TYPES).join(', ')}`);
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) requireKeywords(inner, `${place}.${name}`);
  if (schema.items !== undefined) requireKeywords(schema.items, `${place}[]`);
  if (isMap(schema.additionalProperties)) requireKeywords(schema.additionalProperties, `${place}.*`);
}

/** @type {Record<string, {holds: (value: any) => boolean, message: string}>} */
const TYPES = {
  object: { holds: isMap, message: 'must be an object' },
  array: { holds: Array.isArray, message: 'must be a list' },
  string: { holds: (value) => typeof value === 'string', message: 'must be a string' },
  boolean: { holds: (value) => typeof value === 'boolean', message: 'must be true or false' },
  integer: { holds: Number.isInteger, message: 'must be a whole number' },
  number: { holds: (value) => typeof value === 'number', message: 'must be a number' },
};

/**
 * Returns what is wrong with a value by its schema.
 * @param {any} value
 * @param {any} schema
 * @param {Path} path
 * @returns {Problem[]}
 */
function problemsOf(value, schema, path) {
  const type = TYPES[schema.type];
  const messages = type === undefined || type.holds(value) ? [...limitsBroken(value, schema)] : [type.message];
  const problems = messages.map((message) => ({ field: fieldName(path), message }));
  if (Array.isArray(value) && schema.items !== undefined) {
    problems.push(...value.flatMap((item, position) => problemsOf(item, schema.items, [...path, position])));
  }
  if (isMap(value)) problems.push(...membersOf(value, schema, path));
  return problems;
}

/**
 * @param {any} value
 * @param {any} schema
 * @returns {Generator<string>}
 */
function* limitsBroken(value, { enum: values, minimum, maximum, minLength, minItems, pattern }) {
  if (values !== undefined && !values.includes(value)) yield `must be one of ${values.map(String).join(', ')}`;
  if (typeof value === 'number') {
    if (value < minimum) yield `must be ${minimum} or more`;
    if (value > maximum) yield `must be ${maximum} or less`;
  }
  if (typeof value === 'string') {
    if (value.length < minLength) yield `must have ${minLength} or more characters`;
    if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) yield `must match ${pattern}`;
  }
  if (Array.isArray(value) && value.length < minItems) yield `must have ${minItems} or more items`;
}

/**
 * @param {any} value
 * @param {any} schema
 * @param {Path} path
 * @returns {Problem[]}
 */
function membersOf(value, { properties = {}, required = [], additionalProperties: others = true }, path) {
  const missing = required.filter((/** @type {string} */ name) => !Object.hasOwn(value, name));
  const problems = missing.map((/** @type {string} */ name) => ({ field: fieldName([...path, name]), message: 'is missing' }));
  for (const [name, member] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, name) ? properties[name] : others;
    if (inner === false) {
      const message = `is no setting; there ${namesOf(Object.keys(properties))}`;
      problems.push({ field: fieldName([...path, name]), message });
    } else if (inner !== true) {
      problems.push(...problemsOf(member, inner, [...path, name]));
    }
  }
  return problems;
}

/** @param {string[]} names */
function namesOf(names) {
  if (names.length === 0) return 'are none';
  return names.length === 1 ? `is only ${names[0]}` : `are ${names.join(', ')}`;
}

/**
 * Reads settings, whether `checkSettings` has completed them or not.
 * @param {string} text
 * @param {any} schema
 * @returns {Settings}
 */
function readSettings(text, schema) {
  return withDefaults(text === '' ? {} : JSON.parse(text), schema);
}

/**
 * Returns settings with the defaults of their schema.
 * @param {any} value
 * @param {any} schema
 * @returns {any}
 */
function withDefaults(value, schema) {
  if (Array.isArray(value) && schema.items !== undefined) return value.map((item) => withDefaults(item, schema.items));
  if (!isMap(value)) return value;
  const complete = { ...value };
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    // An object that is missing may have members with defaults.
    const empty = inner.properties !== undefined && inner.required === undefined ? {} : undefined;
    const member = own(value, name) ?? inner.default ?? empty;
    if (member !== undefined) complete[name] = withDefaults(member, inner);
  }
  return complete;
}
