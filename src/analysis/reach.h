#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/control.h"
#include "agreement/plan.h"
#include "agreement/spread.h"

namespace holdfast::analysis {

using SourceIndex = std::uint32_t;

/// Something that the border lets out: one field, or what is computed from it, in one form, to one party.
struct Source {
  enum class Kind : std::uint8_t {
    gives,      ///< a field in its agreed form
    run,        ///< a sealed module reads it, or a product that was made of it, so its output may carry it in the clear
    aggregate,  ///< noisy sums of it
    logs,       ///< a sealed module reads it, and may write it to its log, which overseers read
    exports,    ///< a party in `served-by` passes on subjects' own requests, whole and in the clear
  };
  Kind kind = Kind::gives;
  agreement::FlowIndex flow = 0;  ///< not of exports
  agreement::PartyIndex to = 0;
  agreement::CollectionIndex collection = 0;
  agreement::FieldIndex field = 0;
  agreement::Level level = agreement::Level::nothing;
  agreement::Form form;    ///< of gives; of all others clear
  std::uint32_t line = 0;  ///< in the document
  /// Of run and logs: the flow that reads it. Another than `flow` when it comes by a product, which that one's job
  /// makes.
  std::optional<agreement::FlowIndex> reader = std::nullopt;

  /// Does a release of `flow` bring it, and not a log or a subject's own request?
  bool is_released() const { return kind != Kind::exports && kind != Kind::logs; }
};

/// The most revealing form in which a category can reach a party for a use, and the shortest way there.
struct Cell {
  agreement::PartyIndex party = 0;
  std::string_view category;  ///< of the field: the narrowest that is declared; borrowed from the plan
  std::string_view use;       ///< empty for subjects' own requests; borrowed from the plan
  agreement::Level level = agreement::Level::nothing;
  SourceIndex source = 0;   ///< the witness: what leaves, to sources[source].to
  std::uint16_t steps = 0;  ///< from there to `party`
};

/// What an analysis leaves out, for questions such as "what if this flow were removed".
struct Without {
  std::optional<agreement::FlowIndex> flow;     ///< this one
  std::optional<agreement::FlowIndex> all_but;  ///< every flow but this one, and subjects' own requests
};

/// Everything that can reach anyone under an agreement. What the running server releases is within it (sound), and for
/// every cell there is a request that brings it about (complete). Level `nothing` (redacted) makes no cell.
struct Reach {
  agreement::PlanPtr plan;
  agreement::Spread spread;
  std::vector<Source> sources;  ///< in the document's order
  std::vector<Cell> cells;      ///< sorted by party, category, use; one each

  std::span<const Cell> of_party(agreement::PartyIndex) const;
  /// The way of a cell's witness after it left: empty when it leaves to the party itself.
  std::vector<agreement::Step> path(const Cell&) const;
};

/// Near linear in the document.
Reach analyse(agreement::PlanPtr plan, const Without& without = {});

/// Which of two ways is the better witness: what reveals more, then the shorter way, then the earlier line.
bool better_way(const std::vector<Source>& sources, SourceIndex a, std::uint16_t steps_a, SourceIndex b,
                std::uint16_t steps_b);

/// Of two forms of one kind the more precise is greater: a longer prefix, a narrower band, a month before a year.
std::int64_t precision(const agreement::Form& form);

/// The form of a source as people read it: "token", "year", "aggregate", "in the clear".
std::string form_text(const Source&);
/// "flow 'support' (line 31) gives profile.email as 'token' (line 34) to 'maker' (line 8)".
std::string describe_source(const agreement::Plan&, const Source&);
/// The same with what follows: "…; 'maker' may pass it on to 'partner' (line 9)".
std::string describe_path(const Reach&, const Cell&);

}  // namespace holdfast::analysis
