#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/findings.h"
#include "agreement/form.h"
#include "agreement/plan.h"

namespace holdfast::agreement {

/// What a law says of flows, as far as it can be said in this language: read from a document of its own, which an
/// agreement adopts by name, version and hash. A pack only forbids. The language is in docs/agreement.md.
struct RulePack {
  /// One rule, of one kind.
  struct Rule {
    enum class Kind : std::uint8_t {
      never,        ///< its categories may not reach who is covered, or no more than `allowed` of them
      only,         ///< they may, in `forms` alone
      bulk,         ///< of at most `limit` distinct subjects or devices
      identifiers,  ///< as bulk, of identifiers that are linked to one another or to what a bulk rule is about
    };
    std::string id;    ///< "genomic"
    std::string cite;  ///< "28 CFR 202.205(a)(1)"
    std::string says;  ///< in a sentence
    bool from_memory = false;
    Kind kind = Kind::never;
    std::vector<std::string> categories;
    std::vector<std::string> alone;  ///< identifiers: these count only when linked to other than themselves
    Level allowed = Level::nothing;
    std::vector<Form> forms;  ///< only: may leave; bulk: do not count
    std::optional<Limit> limit;
    /// Where the limit counts devices, not persons: the categories of what tells devices apart.
    std::vector<std::string> told_apart_by;
    Position at;
  };
  /// Countries that are one to the law: China with Hong Kong and Macau.
  struct Country {
    std::string name;
    std::vector<std::string> codes;  ///< sorted
  };

  std::string name;
  std::uint32_t version = 0;
  std::string title;
  std::string subjects_country;  ///< whose data it is about; empty: anybody's
  /// Who is covered: those of `countries`; or of any other country than these (`outside`); or, where both are left
  /// out, the parties that the agreement names as it adopts the pack.
  std::vector<Country> countries;
  bool outside = false;
  std::string covered_cite;
  SharePpm control_at = kShareControl;
  std::vector<Rule> rules;

  bool names_parties() const { return countries.empty(); }
  std::string reference() const { return name + "@" + std::to_string(version); }
};

/// Nothing if there is a finding. Takes any bytes; bounded as an agreement is.
std::optional<RulePack> read_rule_pack(std::string_view document, Findings& findings);

/// What reading a pack by itself came to, for whoever writes one.
struct CheckedPack {
  std::optional<RulePack> pack;   ///< nothing if there are findings
  std::vector<Finding> findings;  ///< sorted by position
};
CheckedPack check_rule_pack(std::string_view document);

/// "us-28cfr202@1" as name and version.
std::optional<std::pair<std::string, std::uint32_t>> parse_pack_reference(std::string_view text);

}  // namespace holdfast::agreement
