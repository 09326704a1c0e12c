#pragma once

#include "agreement/plan.h"

/// An append-only collection with a field of every type.
inline holdfast::agreement::Collection collection_of_all_types() {
  using holdfast::agreement::FieldType;
  holdfast::agreement::Collection out;
  out.name = "all";
  out.key = "event";
  const std::pair<const char*, FieldType> fields[] = {
      {"t", FieldType::text},       {"i", FieldType::integer}, {"d", FieldType::decimal},
      {"b", FieldType::boolean},    {"day", FieldType::date},  {"at", FieldType::time},
      {"for", FieldType::duration}, {"raw", FieldType::bytes}, {"list", FieldType::text_list}};
  std::uint32_t tag = 0;
  for (const auto& [name, type] : fields) out.fields.push_back({name, type, "user.contact", ++tag});
  return out;
}
