#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/reach.h"

namespace holdfast::analysis {

/// One thing that a new version of an agreement changes, as against the old.
struct Change {
  enum class Kind : std::uint8_t {
    opens,     ///< a category reaches a party that it did not reach; a flow goes there, or gives it another field
    widens,    ///< it reaches it in a more revealing form
    counts,    ///< a party counts as of a country that it did not count as of
    loosens,   ///< a limit, a prohibition or a time of keeping binds less
    signs,     ///< who must sign, or with which key
    alters,    ///< other terms, of which nobody can say that they only close: another form of the same level, another
               ///< module, another category of a field
    tightens,  ///< the opposite of loosens
    narrows,   ///< the opposite of widens
    closes,    ///< the opposite of opens, and of counts
  };
  Kind kind = Kind::opens;
  std::uint32_t danger = 0;  ///< the greater, the more it needs a second look; comparable within one comparison
  std::string text;          ///< one sentence
  std::string path;          ///< how it comes there; empty where nothing does
  std::uint32_t line = 0;    ///< in the new document; 0 when it is only in the old
  std::uint32_t old_line = 0;
};
std::string_view to_string(Change::Kind);
/// Does it make anything possible that was not, may it do so, or does it change who must sign?
bool is_opening(Change::Kind);

/// Everything that `after` changes, the most dangerous first. Names are what is compared, so a renamed party is one
/// that closes and one that opens.
std::vector<Change> compare(const Reach& before, const Reach& after);

/// Why adopting `after` in place of `before` will be refused, whoever signs it: a sentence each.
std::vector<std::string> obstacles(const agreement::Plan& before, const agreement::Plan& after);

/// {"opens": bool, "changes": [{"kind", "text", "path", "line", "old_line"}], "notes": [text]}.
std::string changes_json(const std::vector<Change>& changes, const std::vector<std::string>& notes);

}  // namespace holdfast::analysis
