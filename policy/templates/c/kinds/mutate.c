// Gives the pods of a Deployment no token of the API server, unless the Deployment asks for one.
#include "ordinance.h"

#define FIELD "spec.template.spec.automountServiceAccountToken"

static const char SCHEMA[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"additionalProperties\":false,"
    "\"properties\":{\"automount\":{\"description\":\"Whether pods get a token if their Deployment does not say so.\","
    "\"type\":\"boolean\",\"default\":false}}}";

void exports_ordinance_policy_rules_describe(description_t *ret) {
  static uint8_t operations[] = {CREATE, UPDATE}, phases[] = {MUTATE, VALIDATE};
  review_scope_t deployments = {
      .name = text("deployments"),
      .group = text("apps"),
      .version = text("v1"),
      .resource = text("deployments"),
      .namespaced = true,
      .operations = {operations, 2},
      .phases = {phases, 2},
  };
  rule_t undecided_token = {
      .id = text("undecided-token"),
      .title = text("A Deployment does not say whether its pods get a token"),
      .severity = DENY,
      .setting = text("automount"),
      .explanation = text("The mutating webhook adds `automountServiceAccountToken`; write the field if it was not called."),
  };
  describe(ret, "{{name}}", deployments, undecided_token, SCHEMA);
}

bool exports_ordinance_policy_rules_check_settings(policy_string_t *settings, policy_string_t *ret, problems_t *err) {
  *ret = *settings;
  *err = (problems_t){0};
  if (settings->len == 0) return true;
  json_t rest = json_of(*settings), value;
  if (!json_is_object(rest)) add_problem(err, "", "the settings must be an object");
  for (policy_string_t name; json_next(&rest, &name, &value);) {
    bool automount;
    if (!same(name, text("automount"))) add_problem(err, "", "the only setting is automount");
    else if (!json_bool(value, &automount)) add_problem(err, "automount", "must be true or false");
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
  verdict_t *verdict = &ret->val.decided;
  if (!request->object.is_some) return;
  json_t object = json_of(request->object.val), value;
  if (!json_find(object, "spec.template.spec", &value) || !json_is_object(value)) {
    deny_unreadable(verdict, request, "spec.template.spec", "is missing or not an object");
    return;
  }
  if (json_find(object, FIELD, &value)) return;
  bool automount = false;
  if (json_find(json_of(*settings), "automount", &value)) json_bool(value, &automount);
  policy_string_t wanted = text(automount ? "true" : "false");
  if (request->phase == MUTATE) {
    verdict->patch.is_some = true;
    verdict->patch.val = TEXTS(
        text("[{\"op\":\"add\",\"path\":\"/spec/template/spec/automountServiceAccountToken\",\"value\":"), wanted, text("}]"));
    return;
  }
  // The mutating webhook patches; the validating one denies what still lacks the patch.
  finding_t finding = {
      .rule = text("undecided-token"),
      .severity = DENY,
      .field = text(FIELD),
      .fact = TEXTS(text("Deployment "), quoted_name(request), text(" does not say whether its pods get a token")),
      .remedy = TEXTS(text("Set " FIELD " to "), wanted),
  };
  report(verdict, finding);
}

void exports_ordinance_policy_rules_resume(holdings_t *holdings, verdict_t *ret) {
  __builtin_trap();  // `review` always decides.
}
