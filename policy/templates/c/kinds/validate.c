// Denies a Deployment with more replicas than the settings allow.
#include "ordinance.h"

#define MOST 10

static const char SCHEMA[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"additionalProperties\":false,"
    "\"properties\":{\"maxReplicas\":{\"description\":\"The most replicas that a Deployment may have.\",\"type\":\"integer\","
    "\"minimum\":1,\"default\":10}}}";

void exports_ordinance_policy_rules_describe(description_t *ret) {
  static uint8_t operations[] = {CREATE, UPDATE}, phases[] = {VALIDATE};
  review_scope_t deployments = {
      .name = text("deployments"),
      .group = text("apps"),
      .version = text("v1"),
      .resource = text("deployments"),
      .namespaced = true,
      .operations = {operations, 2},
      .phases = {phases, 1},
  };
  rule_t too_many_replicas = {
      .id = text("too-many-replicas"),
      .title = text("A Deployment has more replicas than allowed"),
      .severity = DENY,
      .setting = text("maxReplicas"),
      .explanation = text("Every replica costs memory. Set `spec.replicas` to the number that the service needs."),
  };
  describe(ret, "{{name}}", deployments, too_many_replicas, SCHEMA);
}

bool exports_ordinance_policy_rules_check_settings(policy_string_t *settings, policy_string_t *ret, problems_t *err) {
  *ret = *settings;
  *err = (problems_t){0};
  if (settings->len == 0) return true;
  json_t rest = json_of(*settings), value;
  if (!json_is_object(rest)) add_problem(err, "", "the settings must be an object");
  for (policy_string_t name; json_next(&rest, &name, &value);) {
    uint32_t most;
    if (!same(name, text("maxReplicas"))) add_problem(err, "", "the only setting is maxReplicas");
    else if (!json_number(value, &most) || most == 0) add_problem(err, "maxReplicas", "must be 1 or more");
  }
  return err->len == 0;
}

bool exports_ordinance_policy_rules_keys(scope_t *scope, policy_string_t *object, policy_string_t *settings, keys_t *ret,
                                         policy_string_t *err) {
  *ret = (keys_t){0};
  return true;
}

void exports_ordinance_policy_rules_review(request_t *request, policy_string_t *settings, holdings_t *holdings,
                                           outcome_t *ret) {
  *ret = (outcome_t){.tag = DECIDED};
  if (!request->object.is_some) return;
  uint32_t most = MOST, replicas = 1;  // The API server sets one replica if the field is missing.
  json_t value;
  if (json_find(json_of(*settings), "maxReplicas", &value)) json_number(value, &most);
  if (json_find(json_of(request->object.val), "spec.replicas", &value) && !json_number(value, &replicas)) {
    deny_unreadable(&ret->val.decided, request, "spec.replicas", "is not a number");
    return;
  }
  if (replicas <= most) return;
  finding_t finding = {
      .rule = text("too-many-replicas"),
      .severity = DENY,
      .field = text("spec.replicas"),
      .fact = TEXTS(text("Deployment "), quoted_name(request), text(" has "), number(replicas),
                    text(" replicas, and at most "), number(most), text(" are allowed")),
      .remedy = TEXTS(text("Set spec.replicas to "), number(most), text(" or less")),
  };
  report(&ret->val.decided, finding);
}

void exports_ordinance_policy_rules_resume(holdings_t *holdings, verdict_t *ret) {
  __builtin_trap();  // `review` always decides.
}
