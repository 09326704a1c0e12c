#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::agreement {

/// A term of Fideslang, Ethyca's open taxonomy (https://ethyca.github.io/fideslang): the keys are theirs, the words
/// of the descriptions are ours.
struct Term {
  std::string_view key, description;
};
std::span<const Term> fideslang_categories();
std::span<const Term> fideslang_uses();

/// Does `path` cover `other`: the same, or beneath it ("user.contact" covers "user.contact.email")?
bool covers(std::string_view path, std::string_view other);
/// Lower-case words joined by dots: "user.contact.email".
bool is_term(std::string_view text);

/// The terms that one agreement knows: Fideslang's and its own additions.
class Taxonomy {
 public:
  explicit Taxonomy(std::span<const Term> base);
  bool has(std::string_view key) const { return terms_.contains(key); }
  /// False if it is there already.
  bool add(std::string key, std::string description);
  std::vector<std::string_view> keys() const;

 private:
  std::map<std::string, std::string, std::less<>> terms_;
};

}  // namespace holdfast::agreement
