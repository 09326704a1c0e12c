#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/result.h"
#include "disclosure/noise.h"

namespace holdfast::disclosure {

/// Adds up the records of all subjects as an agreement's aggregate says, and tells the sums with noise, so that for
/// any one subject, with all its records, what is told is (epsilon, delta)-differentially private:
/// - of each subject at most `contributions` records count, chosen by chance; values are brought within the bounds.
///   So a subject moves the sums of one measure, over all groups together, by a known amount at most.
/// - each measure gets its share of epsilon, as noise of the discrete Laplace distribution.
/// - a group's own existence could tell of the one subject in it. So a group is told of only if its number of
///   subjects, with the noise of another share of epsilon, reaches a threshold that a group of one reaches with a
///   probability below delta (Korolova et al., "Releasing Search Queries and Clicks Privately", 2009).
/// Not for two threads at once.
class Aggregator {
 public:
  static constexpr std::size_t kGroupsMax = 1'000'000;

  /// `flow` is of the kind aggregate.
  Aggregator(const agreement::Plan& plan, const agreement::Flow& flow);

  /// The fields of its collection that add() takes, by their tags.
  const std::vector<std::uint32_t>& fields() const { return tags_; }

  void begin_subject();
  /// A record of the subject: a stored value a field of fields(), empty where the record has none. A value that is not
  /// of the field's type, from under an earlier agreement, is taken for none.
  void add(std::span<const ByteView> values);
  /// exhausted "aggregate.groups": more than kGroupsMax groups; nothing more can be done with it.
  Result<void> end_subject();

  struct Table {
    std::string json;
    std::uint64_t groups = 0;  ///< told of
  };
  /// {"groups":[{"video":"v1","views":1203,"watch-time":35211.250},…],"hidden_below":1425,
  ///  "noise":{"views":84.853,"watch-time":50911.700},"privacy":"epsilon 1 …"}
  /// Groups in the order of their values; a value that records have not is null. `noise`: each measure's standard
  /// deviation. `hidden_below`: how many subjects a group must have, give or take the noise, to be told of.
  Table finish();

 private:
  struct Kept {
    std::string group;                  ///< as JSON members: "video":"v1",
    std::vector<std::int64_t> amounts;  ///< one a measure
  };
  struct Column {
    std::string name;  ///< quoted, with its colon
    agreement::FieldType type;
  };
  struct Sum {
    const agreement::Measure* measure;
    agreement::FieldType type;  ///< of its field
    std::size_t place;          ///< in fields(); of a count: nowhere
  };
  std::string group_of(std::span<const ByteView> values) const;
  std::int64_t amount_of(const Sum& sum, std::span<const ByteView> values) const;
  /// Noise for what one subject can move by `most`, at one share of epsilon.
  std::int64_t noise(std::uint64_t most);
  double scale(std::uint64_t most) const;

  const agreement::Aggregate& what_;
  std::vector<std::uint32_t> tags_;
  std::vector<Column> by_;
  std::vector<Sum> sums_;

  std::vector<Kept> kept_;  // of the subject under way
  std::uint64_t seen_ = 0;  // its records
  Noise noise_;
  std::unordered_map<std::string, std::size_t> groups_;  // the group's place in totals_
  std::vector<std::int64_t> totals_;                     // of each group: its subjects, then its sums
};

}  // namespace holdfast::disclosure
