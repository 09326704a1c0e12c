#include "analysis/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "agreement/form.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;

void add_given(const Flow& flow, FlowIndex index, std::vector<Source>& out) {
  for (const auto& given : flow.gives) {
    for (const auto& [field, form, line] : given.fields) {
      const Level level = level_of(form);
      if (level == Level::nothing) continue;
      out.push_back({Source::Kind::gives, index, flow.to, given.collection, field, level, form, line});
    }
  }
}

void add_logs(const Plan& plan, FlowIndex index, const std::vector<Carried>& all, std::vector<Source>& out) {
  for (std::size_t party = 0; party < plan.parties.size(); ++party) {
    if (plan.parties[party].role != Role::overseer) continue;
    for (const Carried& carried : all) {
      out.push_back({Source::Kind::logs, index, static_cast<PartyIndex>(party), carried.collection, carried.field,
                     Level::clear, Form{Form::Kind::clear}, carried.line, carried.reader});
    }
  }
}

void add_read(const Plan& plan, FlowIndex index, std::vector<Source>& out) {
  const Flow& flow = plan.flows[index];
  const bool sealed = flow.kind == Flow::Kind::run;
  const std::vector<Carried> all = plan.carried(index);
  if (sealed) add_logs(plan, index, all, out);
  if (flow.makes) return;  // stays in custody
  for (const Carried& carried : all) {
    out.push_back({sealed ? Source::Kind::run : Source::Kind::aggregate, index, flow.to, carried.collection,
                   carried.field, sealed ? Level::clear : Level::aggregate, Form{Form::Kind::clear}, carried.line,
                   carried.reader});
  }
}

void add_exports(const Plan& plan, std::vector<Source>& out) {
  for (std::size_t i = 0; i < plan.served_by.size(); ++i) {
    for (std::size_t c = 0; c < plan.collections.size(); ++c) {
      for (std::size_t f = 0; f < plan.collections[c].fields.size(); ++f) {
        out.push_back({Source::Kind::exports, 0, plan.served_by[i], static_cast<CollectionIndex>(c),
                       static_cast<FieldIndex>(f), Level::clear, Form{Form::Kind::clear}, plan.served_by_lines[i]});
      }
    }
  }
}

std::vector<Source> sources_of(const Plan& plan, const Without& without) {
  std::vector<Source> out;
  add_exports(plan, out);
  for (std::size_t i = 0; i < plan.flows.size(); ++i) {
    const auto index = static_cast<FlowIndex>(i);
    if (without.flow == index || (without.all_but && *without.all_but != index)) continue;
    const Flow& flow = plan.flows[i];
    flow.kind == Flow::Kind::gives ? add_given(flow, index, out) : add_read(plan, index, out);
  }
  if (without.all_but) std::erase_if(out, [](const Source& s) { return s.kind == Source::Kind::exports; });
  return out;
}

std::string_view category_of(const Plan& plan, const Source& source) {
  return plan.collections[source.collection].fields[source.field].category;
}
std::string_view use_of(const Plan& plan, const Source& source) {
  return source.kind == Source::Kind::exports ? std::string_view() : std::string_view(plan.flows[source.flow].use);
}

/// The words of a plan as small numbers in their order, so that cells compare as one integer.
class Words {
 public:
  void add(std::string_view word) { numbers_.try_emplace(word, 0); }
  void order() {
    for (const auto& [word, number] : numbers_) words_.push_back(word);
    std::ranges::sort(words_);
    for (std::size_t i = 0; i < words_.size(); ++i) numbers_[words_[i]] = static_cast<std::uint32_t>(i);
  }
  std::uint32_t number(std::string_view word) const { return numbers_.find(word)->second; }
  std::string_view word(std::uint32_t number) const { return words_[number]; }
  std::size_t size() const { return words_.size(); }

 private:
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<std::string_view> words_;
};

/// The best of one category for one use at the party where it leaves; then at everyone it spreads to.
struct Best {
  std::uint64_t key = 0;  ///< party, category, use: the order of cells
  SourceIndex source = 0;
  std::uint16_t steps = 0;
};

/// Sorted by key, the best of each only.
void keep_best(const std::vector<Source>& sources, std::vector<Best>& all) {
  std::ranges::sort(all, [&](const Best& a, const Best& b) {
    return a.key != b.key ? a.key < b.key : better_way(sources, a.source, a.steps, b.source, b.steps);
  });
  // Not std::ranges::unique: clang 14, which the fuzzers are built with, does not take its subrange.
  all.erase(std::unique(all.begin(), all.end(), [](const Best& a, const Best& b) { return a.key == b.key; }),
            all.end());
}

constexpr int kWordBits = 24;
std::uint64_t key_of(PartyIndex party, std::uint64_t words) { return std::uint64_t{party} << (2 * kWordBits) | words; }
std::uint64_t words_of(std::uint64_t key) { return key & ((std::uint64_t{1} << (2 * kWordBits)) - 1); }

std::vector<Cell> cells_of(const Plan& plan, const Spread& spread, const std::vector<Source>& sources) {
  Words categories, uses;
  for (const Source& source : sources) {
    categories.add(category_of(plan, source));
    uses.add(use_of(plan, source));
  }
  categories.order();
  uses.order();
  std::vector<Best> direct;
  direct.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::uint64_t words = std::uint64_t{categories.number(category_of(plan, sources[i]))} << kWordBits |
                                uses.number(use_of(plan, sources[i]));
    direct.push_back({key_of(sources[i].to, words), static_cast<SourceIndex>(i), 0});
  }
  keep_best(sources, direct);
  std::vector<Best> all;
  for (const Best& best : direct) {
    const PartyIndex from = sources[best.source].to;
    for (const PartyIndex to : spread.from(from))
      all.push_back({key_of(to, words_of(best.key)), best.source, *spread.distance(from, to)});
  }
  if (all.size() != direct.size()) keep_best(sources, all);
  std::vector<Cell> out;
  out.reserve(all.size());
  for (const Best& best : all) {
    const auto mask = (std::uint32_t{1} << kWordBits) - 1;
    out.push_back({static_cast<PartyIndex>(best.key >> (2 * kWordBits)),
                   categories.word(static_cast<std::uint32_t>(best.key >> kWordBits) & mask),
                   uses.word(static_cast<std::uint32_t>(best.key) & mask), sources[best.source].level, best.source,
                   best.steps});
  }
  return out;
}

}  // namespace

bool better_way(const std::vector<Source>& sources, SourceIndex a, std::uint16_t steps_a, SourceIndex b,
                std::uint16_t steps_b) {
  const Source &x = sources[a], &y = sources[b];
  return std::make_tuple(y.level, steps_a, -precision(x.form), a) <
         std::make_tuple(x.level, steps_b, -precision(y.form), b);
}

std::int64_t precision(const Form& form) {
  switch (form.kind) {
    case Form::Kind::range:
    case Form::Kind::age_band:
      return -form.argument;
    case Form::Kind::first:
    case Form::Kind::place:
      return form.argument;
    case Form::Kind::month:
      return 1;
    default:
      return 0;
  }
}

std::span<const Cell> Reach::of_party(PartyIndex party) const {
  // Two searches and not std::ranges::equal_range, whose subrange clang 14 does not take either.
  const auto begin = std::ranges::lower_bound(cells, party, {}, &Cell::party);
  return {begin, std::ranges::upper_bound(cells, party, {}, &Cell::party)};
}

std::vector<Step> Reach::path(const Cell& cell) const { return spread.path(sources[cell.source].to, cell.party); }

Reach analyse(PlanPtr plan, const Without& without) {
  Spread spread(plan->parties);
  std::vector<Source> sources = sources_of(*plan, without);
  std::vector<Cell> cells = cells_of(*plan, spread, sources);
  return {std::move(plan), std::move(spread), std::move(sources), std::move(cells)};
}

std::string form_text(const Source& source) {
  if (source.level == Level::aggregate) return "aggregate";
  return source.level == Level::clear ? "in the clear" : source.form.text();
}

std::string describe_source(const Plan& plan, const Source& source) {
  const Collection& collection = plan.collections[source.collection];
  const std::string field = collection.name + "." + collection.fields[source.field].name;
  const std::string to = fmt::format("'{}' (line {})", plan.parties[source.to].name, plan.parties[source.to].line);
  if (source.kind == Source::Kind::exports) {
    return fmt::format("{} passes on subjects' own exports (line {}), with {} in the clear", to, source.line, field);
  }
  const Flow& flow = plan.flows[source.flow];
  const std::string name = fmt::format("flow '{}' (line {})", flow.name, flow.line);
  const std::string whom = flow.to_subject ? to + ", who passes it on to the subject" : to;
  switch (source.kind) {
    case Source::Kind::run:
      if (*source.reader != source.flow) {
        const Flow& maker = plan.flows[*source.reader];
        return fmt::format(
            "{} runs '{}' with '{}', for which flow '{}' (line {}) reads {} of all subjects (line {}), and "
            "so may put it out in the clear, to {}",
            name, flow.module, *flow.with, maker.name, maker.line, field, source.line, whom);
      }
      return fmt::format("{} runs '{}', which reads {} (line {}) and so may put it out in the clear, to {}", name,
                         flow.module, field, source.line, whom);
    case Source::Kind::logs:
      return fmt::format("{} runs '{}', which may write {} (line {}) to its log in the clear, and that is read by {}",
                         name, flow.module, field, source.line, to);
    case Source::Kind::aggregate:
      return fmt::format("{} releases aggregates of {} (line {}) to {}", name, field, source.line, whom);
    default:
      return fmt::format("{} gives {} as '{}' (line {}) to {}", name, field, source.form.text(), source.line, whom);
  }
}

std::string describe_path(const Reach& reach, const Cell& cell) {
  std::string out = describe_source(*reach.plan, reach.sources[cell.source]);
  for (const Step& step : reach.path(cell)) out += "; " + describe(reach.plan->parties, step);
  return out;
}

}  // namespace holdfast::analysis
