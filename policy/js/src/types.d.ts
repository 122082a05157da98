/** The policy's identity, and what a host must know to call it. */
export interface Description {
  /** A DNS label, e.g. `storage`. */
  name: string;
  /** A semantic version. */
  version: string;
  /** The kinds whose stored objects a host passes to `keys` and indexes. */
  watches: Watch[];
  /** The requests that the policy reviews. */
  reviews: ReviewScope[];
  /** Every rule that a finding may name. */
  rules: Rule[];
  /** The JSON Schema (2020-12) of the settings, as JSON text. */
  settingsSchema: string;
}

/** A kind whose objects hold or use keys. */
export interface Watch {
  /** The API group; empty for the core group. */
  group: string;
  /** E.g. `v1`. */
  version: string;
  /** The plural, lower case, e.g. `persistentvolumes`. */
  resource: string;
  /** True if `keys` reads nothing but `metadata`. */
  metadataOnly: boolean;
  /** True if objects of this kind exist before the objects that refer to them. Offline, index all of them first. */
  precedes: boolean;
}

/** A set of requests that the policy reviews. */
export interface ReviewScope {
  /** A DNS label, unique per phase: the webhook's name is made of it, e.g. `statefulsets`. */
  name: string;
  /** The API group; empty for the core group. */
  group: string;
  /** E.g. `v1`. */
  version: string;
  /** The plural, lower case, e.g. `statefulsets`. */
  resource: string;
  /** E.g. `scale`; empty for the object itself. */
  subresource: string;
  /** True if objects of this kind have a namespace. */
  namespaced: boolean;
  /** Never empty. */
  operations: Operation[];
  /** Never empty. */
  phases: Phase[];
  failurePolicy: FailurePolicy;
  /**
   * The API server calls the webhook only if all of them are true. The policy would allow every other request without a
   * finding.
   */
  matchConditions: MatchCondition[];
}

/** What the API server does with a request if the webhook does not answer: rejects it (`Fail`) or admits it (`Ignore`). */
export type FailurePolicy = "Fail" | "Ignore";

/** An entry of a webhook's `matchConditions`. */
export interface MatchCondition {
  /** A qualified name, e.g. `is-not-being-deleted`. */
  name: string;
  /** CEL, over `object`, `oldObject` and `request`. */
  expression: string;
}

/** A rule of the policy. */
export interface Rule {
  /** A kebab-case name that never changes, e.g. `shared-export`. */
  id: string;
  /** One line that says what the rule finds. */
  title: string;
  /** The severity under default settings. */
  severity: Severity;
  /** The setting that changes the severity, e.g. `exports.equal`; empty if none does. */
  setting: string;
  /** The annotations that silence the rule for one object. */
  annotations: string[];
  /** Markdown: what goes wrong, a bad and a good manifest, and how to pass. */
  explanation: string;
}

/**
 * How serious a finding is: the request is denied (`deny`), or admitted with a warning (`warn`); a `note` is for offline tools
 * and metrics, and never shown to the API server's client.
 */
export type Severity = "deny" | "warn" | "note";

/** A setting that cannot be used. */
export interface Problem {
  /** The path of the setting, e.g. `isolation.growth`; empty for the whole document. */
  field: string;
  /** One line: what is wrong, and which values are valid. */
  message: string;
}

/** The object that a question is about. */
export interface Scope {
  /** The API group; empty for the core group. */
  group: string;
  /** E.g. `v1`. */
  version: string;
  /** The plural, lower case, e.g. `statefulsets`. */
  resource: string;
  /** E.g. `scale`; empty or left out for the object itself. */
  subresource?: string;
  /** Empty or left out for a cluster-scoped object. */
  namespace?: string;
  /** Empty or left out until the API server has generated it. */
  name?: string;
}

/**
 * How an object relates to a key: it owns the key (`holds`), shares it (`uses`), or only asks which objects hold or use it
 * (`looks`).
 */
export type Stance = "holds" | "uses" | "looks";

/**
 * A place in a named tree. Two keys overlap if their realms are equal and the path of one is a prefix of the path of the
 * other, segment by segment.
 */
export interface Key {
  /** The tree, e.g. `nfs://nas.example.com`. */
  realm: string;
  /** The segments from the root; empty for the root itself. */
  path: string[];
  stance: Stance;
  /** Everything about the object that can change the verdict on an overlapping object, in a format of the policy's own. */
  note: string;
}

/** A key of another object that overlaps a key of this one. */
export interface Holding {
  realm: string;
  path: string[];
  stance: "holds" | "uses";
  /** The note of the key. */
  note: string;
  /** The other object. Of several objects with the same note below the requested key, the first by name. */
  holder: Scope;
  /** The number of objects that this entry stands for. Greater than 1 only below the requested key. */
  count: number;
}

/** The operation under review. */
export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/**
 * Why the policy is asked. In `mutate` it may return a patch; in `validate` it denies what still lacks the patch; in `audit`
 * the object is stored already, and the findings say what is wrong now.
 */
export type Phase = "mutate" | "validate" | "audit";

/** An admission request. */
export interface Request {
  operation: Operation;
  phase: Phase;
  scope: Scope;
  /** The kind of the object, e.g. `StatefulSet` or `Scale`. */
  kind?: string;
  /** True if nothing will be stored. */
  dryRun?: boolean;
  /** `userInfo` as JSON text; empty if there is none. */
  userInfo?: string;
  /** The object as JSON text; null on delete. */
  object?: string | null;
  /** The stored object as JSON text; null on create. */
  oldObject?: string | null;
}

/** The result of one rule. */
export interface Finding {
  /** The id of a rule in `Description.rules`. */
  rule: string;
  severity: Severity;
  /** True for a warning that is a denial in the mode `Enforce`. */
  wouldDeny: boolean;
  /** The field at fault, e.g. `spec.nfs.path`; empty for the whole object. */
  field: string;
  /** What is wrong, in one line without a full stop. Names the object, and the other object if there is one. */
  fact: string;
  /** What to do about it, an imperative in one line without a full stop; empty if there is nothing to do. */
  remedy: string;
  /** The other objects that the finding is about. */
  related: Scope[];
  /** Alternative changes of the user's object that resolve the finding, the best one first. */
  fixes: Fix[];
}

/** A change of the user's object. */
export interface Fix {
  /** One line, e.g. `Write subPathExpr: $(ORDINANCE_POD_NAME)/data`. */
  title: string;
  /** A JSON Patch (RFC 6902) as JSON text, for the object as it was sent. */
  patch: string;
}

/** An entry of the API server's audit log. */
export interface Annotation {
  /** 1 to 63 characters of `[A-Za-z0-9._-]`. */
  key: string;
  value: string;
}

/** The answer to a request. The request is admitted unless the severity of a finding is `deny`. */
export interface Verdict {
  /** In order of importance. */
  findings: Finding[];
  /** A JSON Patch (RFC 6902) as JSON text; null if nothing changes, if the request is denied, or in another phase than `mutate`. */
  patch: string | null;
  /**
   * If the object is stored already: how to apply `patch` or the fixes without loss, one step per line. Empty if
   * nothing would change, and for an object that is new.
   */
  migration: string[];
  audit: Annotation[];
}

/** The result of `review`: a verdict, or the keys of other objects that it depends on. */
export type Outcome = { decided: Verdict; needs?: undefined } | { decided?: undefined; needs: Key[] };

/**
 * Returns the verdict on a request, given the holdings that overlap the object's keys. `[]` means that no other object
 * holds or uses them.
 */
export function review(
  request: Request,
  settings: Settings | null | undefined,
  holdings: Holding[],
): { decided: Verdict };
/**
 * Returns the verdict on a request, or the keys that it depends on: look up the objects that hold or use keys which overlap
 * them, and call `review` again with these holdings.
 */
export function review(request: Request, settings?: Settings | null, holdings?: Holding[] | null): Outcome;

/** The settings of the policy. A setting that is left out has its default. */
export interface Settings {
  /**
   * In `Isolate` and `Warn`, every denial becomes a warning. In `Warn`, patches only keep files where they are. Default
   * `Enforce`.
   */
  mode?: "Enforce" | "Isolate" | "Warn";
  isolation?: Isolation;
  exports?: Exports;
  /** StorageClasses that make volumes share a directory. Default `Warn`. */
  storageClasses?: "Warn" | "Deny" | "Off";
  /** Storage drivers that the built-in catalogue does not know. Default none. */
  drivers?: Driver[];
}

/** Settings for StatefulSets whose replicas would share files. */
export interface Isolation {
  /** The `volumeClaimTemplates` that are isolated. Default `ReadWriteMany`. */
  claimTemplates?: "ReadWriteMany" | "Always" | "Never";
  /** Claims by name and inline exports, at two or more replicas. Default `Isolate`. */
  namedVolumes?: "Isolate" | "Deny" | "Warn";
  /** Claims by name and inline exports, at one replica or none. Default `Warn`. */
  singleReplica?: "Warn" | "Isolate";
  /** A shared volume that every replica mounts at the same sub-path. Default `Deny`. */
  fixedSubPath?: "Deny" | "Warn";
  /** Scaling beyond one replica if a volume is shared and not isolated. Default `Deny`. */
  growth?: "Deny" | "Warn";
  /** CSI drivers whose inline volumes have files that other pods name too. Default: those of the built-in catalogue. */
  sharedCsiDrivers?: string[];
}

/** How a driver finds the files of its volumes; `docs/storage.md` explains the templates. */
export interface Driver {
  /** e.g. `csi.example.com`; `*` at the beginning or the end stands for any text. */
  names?: string[];
  /** Templates of the place of a volume, of which the first that applies counts. */
  location?: string[];
  /** The parts of a `volumeHandle` with their separators, e.g. `group#account#share`. */
  handle?: string;
  /** Words that may stand before the parts of a handle. */
  handleTypes?: string[];
  /** The attribute in which a volume has more mount options. */
  optionsAttribute?: string;
  /** Whether pods may name a volume without a claim, and with it files that other pods name too. Default `false`. */
  inline?: boolean;
  /** What the parameters of a StorageClass say. */
  class?: DriverClass;
}

/** How the parameters of a StorageClass choose the directories of its volumes. */
export interface DriverClass {
  /** The parameters that name the directory of a claim, outermost first. */
  directory?: string[];
  /** The variable that stands for the name of the volume, e.g. `${pv.metadata.name}`. */
  volumeVariable?: string;
  /** The variable that stands for the claim's namespace. */
  namespaceVariable?: string;
  /** The variable that stands for the claim's name. */
  claimVariable?: string;
  /** Conditions on parameters, one of which is enough for all claims to get one directory. */
  sharedIf?: string[];
  /** Conditions on parameters, one of which is enough to keep the files of a deleted claim. */
  keepsFilesIf?: string[];
}

/** Settings for PersistentVolumes whose exports overlap. */
export interface Exports {
  /** Two volumes on one directory. Default `Deny`. */
  equal?: "Deny" | "Warn";
  /** A volume on a directory below the directory of another volume. Default `Warn`. */
  nested?: "Warn" | "Deny" | "Allow";
  /** Volumes that a provisioner creates. Default `Warn`. */
  dynamic?: "Warn" | "Deny";
  /** The canonical name of a server, with its other names and addresses. */
  serverAliases?: Record<string, string[]>;
  /** A server, with the path that its NFSv4 clients call `/`. */
  pseudoRoots?: Record<string, string>;
  /** `server:path` below which provisioners keep their volumes. */
  provisionerRoots?: string[];
  /** `server:path` at and below which volumes share on purpose. */
  shared?: string[];
  /** How a message about a StatefulSet tells of volumes whose exports it mounts inline. Default `Name`. */
  inlineOverlaps?: "Name" | "Count";
}
