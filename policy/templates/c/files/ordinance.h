// What a policy in C needs besides the bindings: short names, texts, and a reader of JSON.
#pragma once
#include "contract/policy.h"

typedef exports_ordinance_policy_rules_description_t description_t;
typedef exports_ordinance_policy_rules_watch_t watch_t;
typedef exports_ordinance_policy_rules_review_scope_t review_scope_t;
typedef exports_ordinance_policy_rules_rule_t rule_t;
typedef exports_ordinance_policy_rules_problem_t problem_t;
typedef exports_ordinance_policy_rules_list_problem_t problems_t;
typedef exports_ordinance_policy_rules_scope_t scope_t;
typedef exports_ordinance_policy_rules_key_t object_key_t;
typedef exports_ordinance_policy_rules_list_key_t keys_t;
typedef exports_ordinance_policy_rules_list_holding_t holdings_t;
typedef exports_ordinance_policy_rules_holding_t holding_t;
typedef exports_ordinance_policy_rules_request_t request_t;
typedef exports_ordinance_policy_rules_finding_t finding_t;
typedef exports_ordinance_policy_rules_verdict_t verdict_t;
typedef exports_ordinance_policy_rules_outcome_t outcome_t;

#define DENY EXPORTS_ORDINANCE_POLICY_RULES_SEVERITY_DENY
#define CREATE EXPORTS_ORDINANCE_POLICY_RULES_OPERATION_CREATE
#define UPDATE EXPORTS_ORDINANCE_POLICY_RULES_OPERATION_UPDATE
#define MUTATE EXPORTS_ORDINANCE_POLICY_RULES_PHASE_MUTATE
#define VALIDATE EXPORTS_ORDINANCE_POLICY_RULES_PHASE_VALIDATE
#define HOLDS EXPORTS_ORDINANCE_POLICY_RULES_STANCE_HOLDS
#define DECIDED EXPORTS_ORDINANCE_POLICY_RULES_OUTCOME_DECIDED
#define NEEDS EXPORTS_ORDINANCE_POLICY_RULES_OUTCOME_NEEDS

// Returns memory that is zero. Nothing is ever freed: an instance serves one review.
void *allocate(size_t size);

// === texts ===

policy_string_t text(const char *literal);
bool same(policy_string_t one, policy_string_t other);

// Returns the parts in one text. A part that is not a literal is a policy_string_t, see TEXTS.
policy_string_t joined(const policy_string_t *parts, size_t count);
#define TEXTS(...) joined((policy_string_t[]){__VA_ARGS__}, sizeof((policy_string_t[]){__VA_ARGS__}) / sizeof(policy_string_t))

policy_string_t number(uint32_t value);
policy_string_t quoted(policy_string_t value);

// === JSON ===

// A value within a text of valid JSON.
typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} json_t;

json_t json_of(policy_string_t text);

// Steps through the members of an object or the elements of an array. Begin with the value itself in `rest`; `name` is null
// for an array. Return false after the last one, and for any other value.
bool json_next(json_t *rest, policy_string_t *name, json_t *value);

// Finds a member by a path with dots, e.g. spec.replicas. A member that is null counts as missing.
bool json_find(json_t object, const char *path, json_t *value);

bool json_is_object(json_t value);
bool json_is_array(json_t value);
bool json_bool(json_t value, bool *result);
bool json_number(json_t value, uint32_t *result);
bool json_string(json_t value, policy_string_t *result);

// === records ===

// Returns the name of an object in quotes, for a message. Until the API server has generated it, its prefix and `*`.
policy_string_t quoted_name(const request_t *request);

void report(verdict_t *verdict, finding_t finding);
void add_problem(problems_t *problems, const char *field, const char *message);

// Describes a policy with the rule `unreadable-object`, which `deny_unreadable` reports, and one more.
void describe(description_t *description, const char *name, review_scope_t review, rule_t rule, const char *schema);

// Denies a request whose object or settings can't be read: the policy can't know whether it would admit it.
void deny_unreadable(verdict_t *verdict, const request_t *request, const char *field, const char *reason);
