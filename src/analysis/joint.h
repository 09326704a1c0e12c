#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/reach.h"

namespace holdfast::analysis {

/// What several forms give together at one recipient, each of them harmless alone.
struct Joint {
  agreement::PartyIndex party = 0;
  std::string_view set;              ///< "birth date, postal code and sex"
  std::string_view why;              ///< what is known of it, with its source
  std::vector<SourceIndex> members;  ///< one for each part of the set
  std::string basis;                 ///< what joins them: "the same subject", "the same tokens of user.contact.email"
};

/// The known sets of quasi-identifiers that come together at a party, over all flows that reach it. What is
/// asked for joins by the subject that is named, whoever of those asks who pass it on to the party; and by tokens of
/// one category made with the same key (one recipient and use), and by a value in the clear that tells one person from
/// all others. Aggregates join with nothing. The trustee is left out: it keeps everything anyway.
std::vector<Joint> find_joint(const Reach& reach);

/// "at 'maker' birth date, postal code and sex come together (…): profile.birthdate as year by flow 'a' (line 3), …".
std::string describe_joint(const Reach& reach, const Joint& joint);

}  // namespace holdfast::analysis
