#include "agreement/taxonomy.h"

#include <algorithm>

namespace holdfast::agreement {

bool covers(std::string_view path, std::string_view other) {
  return other.starts_with(path) && (other.size() == path.size() || other[path.size()] == '.');
}

bool is_term(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  bool starts = true;  // a word begins here
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'z';
    if (c == '.' ? starts : !(letter || (!starts && ((c >= '0' && c <= '9') || c == '_')))) return false;
    starts = c == '.';
  }
  return !starts;
}

Taxonomy::Taxonomy(std::span<const Term> base) {
  for (const Term& term : base) terms_.emplace(term.key, term.description);
}

bool Taxonomy::add(std::string key, std::string description) {
  return terms_.emplace(std::move(key), std::move(description)).second;
}

std::vector<std::string_view> Taxonomy::keys() const {
  std::vector<std::string_view> out;
  out.reserve(terms_.size());
  for (const auto& [key, description] : terms_) out.push_back(key);
  return out;
}

}  // namespace holdfast::agreement
