/** What a policy says of itself. */
export interface Description {
  /** A DNS label, e.g. `storage`. */
  name: string;
  /** A semantic version. */
  version: string;
  /** The kinds whose stored objects are run through `keys`. */
  watches: Watch[];
  /** The JSON Schema (2020-12) of the settings, as JSON text. */
  settingsSchema: string;
}

/** A kind whose objects hold or use keys. */
export interface Watch {
  /** The API group; empty for the core group. */
  group: string;
  version: string;
  /** The plural, lower case. */
  resource: string;
  /** Whether `metadata` is all that `keys` reads. */
  metadataOnly: boolean;
}

/** A setting that cannot be used. */
export interface Problem {
  /** The setting's path, e.g. `isolation.growth`; empty for the document. */
  field: string;
  message: string;
}

/** Which object a question is about. */
export interface Scope {
  /** The API group; empty for the core group. */
  group: string;
  /** e.g. `v1`. */
  version: string;
  /** The plural, lower case, e.g. `statefulsets`. */
  resource: string;
  /** e.g. `scale`; left out for the object itself. */
  subresource?: string;
  /** Left out for an object without a namespace. */
  namespace?: string;
  /** Left out while the API server has not generated it. */
  name?: string;
}

/** What an object does with a key: has it for itself, takes part in it, or only asks who does. */
export type Stance = "holds" | "uses" | "looks";

/** A place in a named tree, and what an object does with it. */
export interface Key {
  /** The tree, e.g. `nfs://nas.example.com`. */
  realm: string;
  /** The way from the root, by whole segments. */
  path: string[];
  stance: Stance;
  /** All that could change a verdict on somebody else's overlap with this key. */
  note: string;
}

/** Another object's key that overlaps one of this object's. */
export interface Holding {
  realm: string;
  path: string[];
  stance: "holds" | "uses";
  note: string;
  /** The object; of several below the key with one and the same note the first by name. */
  holder: Scope;
  /** How many objects this entry stands for. */
  count: number;
}

/** An admission request. */
export interface Request {
  operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  /** Which webhook asks: in `mutate` a patch may be given, in `validate` one that is still due is a refusal. */
  phase: "mutate" | "validate";
  scope: Scope;
  /** The object's kind, e.g. `StatefulSet`, or `Scale`. */
  kind?: string;
  /** Whether nothing will be stored. */
  dryRun?: boolean;
  /** `userInfo` as JSON text. */
  userInfo?: string;
  /** The object as JSON text; none on delete. */
  object?: string | null;
  /** The stored object as JSON text; none on create. */
  oldObject?: string | null;
}

/** One reason of a refusal. */
export interface Cause {
  /** The field at fault, e.g. `spec.nfs.path`. */
  field: string;
  message: string;
}

/** A note for the API server's audit log. */
export interface Annotation {
  key: string;
  value: string;
}

/** The answer to a request. */
export interface Verdict {
  allowed: boolean;
  /** One line, said only with a refusal: what is refused, why, and how to get to yes. */
  message: string;
  /** The same as structure. */
  causes: Cause[];
  /** One line each. */
  warnings: string[];
  /** A JSON Patch (RFC 6902) as JSON text; null if there is nothing to change, or the phase is `validate`. */
  patch: string | null;
  audit: Annotation[];
}

/** A verdict, or the keys that it depends on: look up who holds or uses what overlaps them, and ask again with that. */
export type Outcome = { decided: Verdict } | { needs: Key[] };

/** The settings of the policy; what is left out has its default. */
export interface Settings {
  /** `Warn` turns every refusal into a warning, and patches only what keeps files where they are. */
  mode?: "Enforce" | "Warn";
  isolation?: Isolation;
  exports?: Exports;
  /** StorageClasses that make volumes share a directory. Default `Warn`. */
  storageClasses?: "Warn" | "Deny" | "Off";
}

/** What becomes of mounts that replicas would share. */
export interface Isolation {
  /** Which `volumeClaimTemplates` are isolated. Default `ReadWriteMany`. */
  claimTemplates?: "ReadWriteMany" | "Always" | "Never";
  /** Claims by name and inline exports, at two or more replicas. Default `Isolate`. */
  namedVolumes?: "Isolate" | "Deny" | "Warn";
  /** The same at one replica or none. Default `Warn`. */
  singleReplica?: "Warn" | "Isolate";
  /** A shared volume that every replica mounts at the same sub-path. Default `Deny`. */
  fixedSubPath?: "Deny" | "Warn";
  /** From one replica to more of what is shared and not isolated. Default `Deny`. */
  growth?: "Deny" | "Warn";
  /** CSI drivers whose inline volumes reach beyond a pod. */
  sharedCsiDrivers?: string[];
}

/** What becomes of PersistentVolumes whose exports overlap. */
export interface Exports {
  /** Two volumes on one directory. Default `Deny`. */
  equal?: "Deny" | "Warn";
  /** A volume on a directory below another's. Default `Warn`. */
  nested?: "Warn" | "Deny" | "Allow";
  /** Volumes that a provisioner makes. Default `Warn`. */
  dynamic?: "Warn" | "Deny";
  /** Canonical server name -> its other names and addresses. */
  serverAliases?: Record<string, string[]>;
  /** Server -> the path that NFSv4 calls `/`. */
  pseudoRoots?: Record<string, string>;
  /** `server:path` that provisioners keep their directories under. */
  provisionerRoots?: string[];
  /** `server:path` at and below which volumes share on purpose. */
  shared?: string[];
}
