// Denies an Ingress with a host that another Ingress has.
//
// A host name is a key: the server indexes the keys of the stored objects, and gives a review those that overlap. So the policy
// lists nothing, and two Ingresses that arrive together cannot both be admitted.
#include "ordinance.h"

// The tree of all keys of this policy.
#define REALM "ingress-host"

static const char SCHEMA[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"additionalProperties\":false,"
    "\"properties\":{\"sharedHosts\":{\"description\":\"Hosts that several Ingresses may have.\",\"type\":\"array\","
    "\"items\":{\"type\":\"string\"},\"default\":[]}}}";

void exports_ordinance_policy_rules_describe(description_t *ret) {
  static uint8_t operations[] = {CREATE, UPDATE}, phases[] = {VALIDATE};
  static watch_t watches[1];
  watches[0] = (watch_t){
      .group = text("networking.k8s.io"),
      .version = text("v1"),
      .resource = text("ingresses"),
  };
  review_scope_t ingresses = {
      .name = text("ingresses"),
      .group = text("networking.k8s.io"),
      .version = text("v1"),
      .resource = text("ingresses"),
      .namespaced = true,
      .operations = {operations, 2},
      .phases = {phases, 1},
  };
  rule_t shared_host = {
      .id = text("shared-host"),
      .title = text("Two Ingresses have one host"),
      .severity = DENY,
      .setting = text("sharedHosts"),
      .explanation = text("Give each Ingress a host of its own, or name the host in the setting `sharedHosts`."),
  };
  describe(ret, "{{name}}", ingresses, shared_host, SCHEMA);
  ret->watches.ptr = watches;
  ret->watches.len = 1;
}

bool exports_ordinance_policy_rules_check_settings(policy_string_t *settings, policy_string_t *ret, problems_t *err) {
  *ret = *settings;
  *err = (problems_t){0};
  if (settings->len == 0) return true;
  json_t rest = json_of(*settings), value;
  if (!json_is_object(rest)) add_problem(err, "", "the settings must be an object");
  for (policy_string_t name; json_next(&rest, &name, &value);) {
    if (!same(name, text("sharedHosts"))) {
      add_problem(err, "", "the only setting is sharedHosts");
      continue;
    }
    if (!json_is_array(value)) add_problem(err, "sharedHosts", "must be a list of host names");
    for (json_t host; json_next(&value, NULL, &host);) {
      policy_string_t name_of_host;
      if (!json_string(host, &name_of_host)) add_problem(err, "sharedHosts", "must be a list of host names");
    }
  }
  return err->len == 0;
}

static bool may_be_shared(policy_string_t host, policy_string_t settings) {
  json_t hosts;
  if (!json_find(json_of(settings), "sharedHosts", &hosts)) return false;
  for (json_t item; json_next(&hosts, NULL, &item);) {
    policy_string_t shared;
    if (json_string(item, &shared) && same(shared, host)) return true;
  }
  return false;
}

static const object_key_t *key_of(const keys_t *keys, policy_string_t host) {
  for (size_t i = 0; i < keys->len; i++) {
    if (same(keys->ptr[i].path.ptr[0], host)) return &keys->ptr[i];
  }
  return NULL;
}

// Returns a key for each host, and the position of its first rule. Returns false if the object can't be read.
static bool hosts(policy_string_t object, policy_string_t settings, keys_t *keys, uint32_t **positions) {
  *keys = (keys_t){0};
  json_t rules;
  if (!json_find(json_of(object), "spec.rules", &rules)) return true;
  if (!json_is_array(rules)) return false;
  size_t most = 0;
  json_t rule, value;
  for (json_t rest = rules; json_next(&rest, NULL, &rule);) most++;
  keys->ptr = allocate(most * sizeof(object_key_t));
  *positions = allocate(most * sizeof(uint32_t));
  for (uint32_t position = 0; json_next(&rules, NULL, &rule); position++) {
    policy_string_t host;
    // A rule without a host is for all hosts that no other rule names.
    if (!json_find(rule, "host", &value)) continue;
    if (!json_string(value, &host)) return false;
    if (host.len == 0 || may_be_shared(host, settings) || key_of(keys, host) != NULL) continue;
    policy_string_t *path = allocate(sizeof(policy_string_t));
    *path = host;
    (*positions)[keys->len] = position;
    keys->ptr[keys->len++] = (object_key_t){.realm = text(REALM), .path = {path, 1}, .stance = HOLDS};
  }
  return true;
}

bool exports_ordinance_policy_rules_keys(scope_t *scope, policy_string_t *object, policy_string_t *settings, keys_t *ret,
                                         policy_string_t *err) {
  uint32_t *positions;
  if (hosts(*object, *settings, ret, &positions)) return true;
  *err = TEXTS(quoted(scope->name), text(" has invalid rules"));
  return false;
}

// The review that waits for holdings.
static struct {
  policy_string_t quoted_name;
  keys_t keys;
  uint32_t *positions;
} pending;

void exports_ordinance_policy_rules_resume(holdings_t *holdings, verdict_t *ret) {
  *ret = (verdict_t){0};
  for (size_t i = 0; i < holdings->len; i++) {
    holding_t holding = holdings->ptr[i];
    const object_key_t *key = holding.path.len == 0 ? NULL : key_of(&pending.keys, holding.path.ptr[0]);
    if (key == NULL) continue;
    scope_t *other = allocate(sizeof(scope_t));
    *other = holding.holder;
    uint32_t position = pending.positions[key - pending.keys.ptr];
    finding_t finding = {
        .rule = text("shared-host"),
        .severity = DENY,
        .field = TEXTS(text("spec.rules["), number(position), text("].host")),
        .fact = TEXTS(text("Ingress "), pending.quoted_name, text(" has the host "), quoted(holding.path.ptr[0]),
                      text(", which Ingress "), quoted(other->name), text(" in namespace "), quoted(other->namespace_),
                      text(" has")),
        .remedy = text("Choose another host"),
        .related = {other, 1},
    };
    report(ret, finding);
  }
}

void exports_ordinance_policy_rules_review(request_t *request, policy_string_t *settings, holdings_t *holdings,
                                           outcome_t *ret) {
  *ret = (outcome_t){.tag = DECIDED};
  if (!request->object.is_some) return;
  if (!hosts(request->object.val, *settings, &pending.keys, &pending.positions)) {
    deny_unreadable(&ret->val.decided, request, "spec.rules", "is not a list of rules");
    return;
  }
  pending.quoted_name = quoted_name(request);
  if (pending.keys.len == 0) return;
  if (holdings != NULL) {
    exports_ordinance_policy_rules_resume(holdings, &ret->val.decided);
    return;
  }
  ret->tag = NEEDS;
  ret->val.needs = pending.keys;
}
