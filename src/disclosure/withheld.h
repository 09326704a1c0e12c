#pragma once

#include <string_view>

#include "agreement/plan.h"
#include "base/bytes.h"

namespace holdfast::disclosure {

/// Texts of one subject that must not be in what leaves: those of the fields that a sealed module was not given. It
/// cannot know them, so one that turns up says that something is wrong elsewhere. What is said otherwise than letter by
/// letter is not found, for a module that has a text to hide can always hide it: what keeps it in is that the module
/// never gets it.
class Withheld {
 public:
  /// Texts shorter than this stand in others by chance, and are not looked for.
  static constexpr std::size_t kBytesMin = 6;

  /// Keeps the texts of a stored value (value.h) that are long enough: a text, bytes, the items of a list. Other types
  /// have none. Copies.
  void add(agreement::FieldType type, ByteView stored);
  bool empty() const { return texts_.empty(); }
  /// Does one of them stand in `output`? Cost: the size of `output` for each.
  bool occurs_in(ByteView output) const;
  /// The same, but for those that stand in `given` too: whoever was given them may say them.
  bool occurs_in(ByteView output, ByteView given) const;

 private:
  void add_text(std::string_view text);
  Bytes texts_;  ///< each sized, one behind the other: one allocation for a subject
};

}  // namespace holdfast::disclosure
