// See ordinance.h.
#include "ordinance.h"
#include <stdlib.h>
#include <string.h>

// === memory ===

#define PAGE 65536

// The end of the linker's data and of the stack.
extern uint8_t __heap_base;
static uintptr_t next_free;

void *malloc(size_t size) {
  if (next_free == 0) next_free = (uintptr_t)&__heap_base;
  uintptr_t start = (next_free + 15) & ~(uintptr_t)15;
  if (size > UINT32_MAX - start) abort();
  uintptr_t end = start + size;
  uintptr_t available = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > available) {
    size_t pages = (end - available + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) abort();
  }
  next_free = end;
  return (void *)start;
}

// Copies `size` bytes, of which the last may be those of another block: the size of the old block is unknown.
void *realloc(void *block, size_t size) {
  void *moved = malloc(size);
  if (block != NULL) {
    size_t copied = (uintptr_t)moved - (uintptr_t)block;
    memcpy(moved, block, size < copied ? size : copied);
  }
  return moved;
}

void free(void *block) { (void)block; }

void abort(void) { __builtin_trap(); }

void *allocate(size_t size) { return memset(malloc(size), 0, size); }

void *memcpy(void *target, const void *source, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)target)[i] = ((const uint8_t *)source)[i];
  return target;
}

void *memset(void *target, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) ((uint8_t *)target)[i] = (uint8_t)byte;
  return target;
}

int memcmp(const void *one, const void *other, size_t size) {
  const uint8_t *a = one, *b = other;
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t size = 0;
  while (text[size] != 0) size++;
  return size;
}

// === texts ===

policy_string_t text(const char *literal) { return (policy_string_t){(uint8_t *)literal, strlen(literal)}; }

bool same(policy_string_t one, policy_string_t other) {
  return one.len == other.len && memcmp(one.ptr, other.ptr, one.len) == 0;
}

policy_string_t joined(const policy_string_t *parts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].len;
  policy_string_t whole = {malloc(size), 0};
  for (size_t i = 0; i < count; i++) {
    memcpy(whole.ptr + whole.len, parts[i].ptr, parts[i].len);
    whole.len += parts[i].len;
  }
  return whole;
}

policy_string_t number(uint32_t value) {
  uint8_t *end = (uint8_t *)malloc(10) + 10, *start = end;
  do {
    *--start = (uint8_t)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return (policy_string_t){start, (size_t)(end - start)};
}

policy_string_t quoted(policy_string_t value) { return TEXTS(text("\""), value, text("\"")); }

// === JSON ===

json_t json_of(policy_string_t text) { return (json_t){text.ptr, text.ptr + text.len}; }

static const uint8_t *skip_space(json_t rest) {
  const uint8_t *at = rest.at;
  while (at < rest.end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

static bool begins_with(json_t value, uint8_t byte) {
  const uint8_t *at = skip_space(value);
  return at < value.end && *at == byte;
}

// Returns the end of a string that begins at a quote.
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end) {
  for (at++; at < end; at++) {
    if (*at == '\\') at++;
    else if (*at == '"') return at + 1;
  }
  return end;
}

// Returns the end of the value.
static const uint8_t *value_end(json_t value) {
  const uint8_t *at = skip_space(value);
  size_t depth = 0;
  while (at < value.end) {
    if (*at == '"') {
      at = string_end(at, value.end);
    } else if (*at == '{' || *at == '[') {
      depth++;
      at++;
    } else if (*at == '}' || *at == ']') {
      if (depth == 0) return at;
      depth--;
      at++;
    } else if (depth == 0 && (*at == ',' || *at == ':')) {
      return at;
    } else {
      at++;
      continue;
    }
    if (depth == 0) return at;
  }
  return value.end;
}

bool json_next(json_t *rest, policy_string_t *name, json_t *value) {
  const uint8_t *at = skip_space(*rest);
  if (at >= rest->end) return false;
  uint8_t first = *at;
  if (first != '{' && first != '[' && first != ',') return false;
  rest->at = at + 1;
  at = skip_space(*rest);
  if (at >= rest->end || *at == '}' || *at == ']') return false;
  if (name != NULL) {
    if (*at != '"' || !json_string((json_t){at, rest->end}, name)) return false;
    rest->at = string_end(at, rest->end);
    at = skip_space(*rest);
    if (at >= rest->end || *at != ':') return false;
    rest->at = at + 1;
  }
  value->at = skip_space(*rest);
  value->end = value_end(*rest);
  rest->at = value->end;
  return true;
}

static bool is_null(json_t value) {
  return value.end - value.at >= 4 && memcmp(value.at, "null", 4) == 0;
}

bool json_find(json_t object, const char *path, json_t *value) {
  const char *segment_end = path;
  while (*segment_end != 0 && *segment_end != '.') segment_end++;
  policy_string_t segment = {(uint8_t *)path, (size_t)(segment_end - path)}, name;
  if (!json_is_object(object)) return false;
  for (json_t member; json_next(&object, &name, &member);) {
    if (!same(name, segment)) continue;
    if (*segment_end == '.') return json_find(member, segment_end + 1, value);
    *value = member;
    return !is_null(member);
  }
  return false;
}

bool json_is_object(json_t value) { return begins_with(value, '{'); }

bool json_is_array(json_t value) { return begins_with(value, '['); }

bool json_bool(json_t value, bool *result) {
  value.at = skip_space(value);
  *result = value.end - value.at >= 4 && memcmp(value.at, "true", 4) == 0;
  return *result || (value.end - value.at >= 5 && memcmp(value.at, "false", 5) == 0);
}

bool json_number(json_t value, uint32_t *result) {
  const uint8_t *at = skip_space(value), *start = at;
  uint64_t sum = 0;
  while (at < value.end && *at >= '0' && *at <= '9' && sum <= UINT32_MAX) sum = sum * 10 + (*at++ - '0');
  bool is_whole = at == value.end || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t';
  *result = (uint32_t)sum;
  return at > start && is_whole && sum <= UINT32_MAX;
}

static uint32_t hex4(const uint8_t *at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; i++) {
    uint8_t digit = at[i];
    value = value * 16 + (digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
  }
  return value;
}

// Appends a code point in UTF-8.
static void append(policy_string_t *to, uint32_t code) {
  uint8_t *at = to->ptr + to->len;
  if (code < 0x80) {
    at[0] = (uint8_t)code;
    to->len += 1;
  } else if (code < 0x800) {
    at[0] = (uint8_t)(0xC0 | code >> 6);
    at[1] = (uint8_t)(0x80 | (code & 63));
    to->len += 2;
  } else if (code < 0x10000) {
    at[0] = (uint8_t)(0xE0 | code >> 12);
    at[1] = (uint8_t)(0x80 | (code >> 6 & 63));
    at[2] = (uint8_t)(0x80 | (code & 63));
    to->len += 3;
  } else {
    at[0] = (uint8_t)(0xF0 | code >> 18);
    at[1] = (uint8_t)(0x80 | (code >> 12 & 63));
    at[2] = (uint8_t)(0x80 | (code >> 6 & 63));
    at[3] = (uint8_t)(0x80 | (code & 63));
    to->len += 4;
  }
}

// Reads the escape after a backslash, and returns where it ends. A lone surrogate becomes U+FFFD.
static const uint8_t *unescape(const uint8_t *at, const uint8_t *end, uint32_t *code) {
  switch (*at) {
    case 'b': *code = '\b'; return at + 1;
    case 'f': *code = '\f'; return at + 1;
    case 'n': *code = '\n'; return at + 1;
    case 'r': *code = '\r'; return at + 1;
    case 't': *code = '\t'; return at + 1;
    case 'u': break;
    default: *code = *at; return at + 1;
  }
  if (end - at < 5) return end;
  *code = hex4(at + 1);
  at += 5;
  if (*code < 0xD800 || *code > 0xDFFF) return at;
  if (*code < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
    uint32_t low = hex4(at + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
      return at + 6;
    }
  }
  *code = 0xFFFD;
  return at;
}

bool json_string(json_t value, policy_string_t *result) {
  const uint8_t *at = skip_space(value);
  if (at >= value.end || *at != '"') return false;
  const uint8_t *end = string_end(at, value.end) - 1;
  // An unescaped text is never longer than its escapes.
  *result = (policy_string_t){malloc((size_t)(end - at)), 0};
  for (at++; at < end;) {
    if (*at != '\\') {
      result->ptr[result->len++] = *at++;
      continue;
    }
    uint32_t code = 0xFFFD;
    at = unescape(at + 1, end, &code);
    append(result, code);
  }
  return true;
}

// === records ===

// The bindings refer to it, so that no linker drops a type section. `ordinance build` adds that section itself.
void __component_type_object_force_link_policy(void) {}

void report(verdict_t *verdict, finding_t finding) {
  size_t count = verdict->findings.len;
  verdict->findings.ptr = realloc(verdict->findings.ptr, (count + 1) * sizeof(finding_t));
  verdict->findings.ptr[count] = finding;
  verdict->findings.len = count + 1;
}

void add_problem(problems_t *problems, const char *field, const char *message) {
  problems->ptr = realloc(problems->ptr, (problems->len + 1) * sizeof(problem_t));
  problems->ptr[problems->len++] = (problem_t){text(field), text(message)};
}

void describe(description_t *description, const char *name, review_scope_t review, rule_t rule, const char *schema) {
  static rule_t rules[2];
  static review_scope_t reviews[1];
  rules[0] = rule;
  rules[1] = (rule_t){
      .id = text("unreadable-object"),
      .title = text("The policy cannot read the object"),
      .severity = DENY,
      .explanation = text("A field has another type than the policy expects, so that the policy cannot decide."),
  };
  reviews[0] = review;
  *description = (description_t){
      .name = text(name),
      .version = text("0.1.0"),
      .reviews = {reviews, 1},
      .rules = {rules, 2},
      .settings_schema = text(schema),
  };
}

policy_string_t quoted_name(const request_t *request) {
  json_t value;
  policy_string_t prefix = {0};
  if (request->scope.name.len > 0) return quoted(request->scope.name);
  if (request->object.is_some && json_find(json_of(request->object.val), "metadata.generateName", &value)) {
    json_string(value, &prefix);
  }
  return quoted(TEXTS(prefix, text("*")));
}

void deny_unreadable(verdict_t *verdict, const request_t *request, const char *field, const char *reason) {
  policy_string_t fact = TEXTS(request->scope.resource, text(" "), quoted_name(request), text(" can't be read: "),
                               text(field), text(" "), text(reason));
  finding_t finding = {
      .rule = text("unreadable-object"),
      .severity = DENY,
      .field = text(field),
      .fact = fact,
      .remedy = text("Correct the field"),
  };
  report(verdict, finding);
}
