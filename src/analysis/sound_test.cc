// The analysis against the runtime: random agreements are run, and what would be released is held against what the
// analysis said can be (sound), and what it said against what is released (complete).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "agreement/form.h"
#include "analysis/fixture_test.h"
#include "disclosure/aggregate.h"
#include "disclosure/form.h"
#include "disclosure/value.h"

namespace holdfast::analysis {
namespace {

using namespace agreement;
namespace json = boost::json;

constexpr UnixMillis kNow = 1'790'000'000'000;

/// One of each type: what is deposited, and every form that it can take.
struct Sample {
  std::string_view type, category, text;
  std::vector<std::string_view> forms;
};
const std::vector<Sample> kSamples{
    {"text", "user.contact.email", "somebody.with.a.long.name@example.org", {"clear", "token", "first 3", "redacted"}},
    {"text", "user.contact.address.postal_code", "94107-2294", {"clear", "token", "first 3", "first 1", "redacted"}},
    {"text", "user.location.precise", "52.520012,13.404954", {"clear", "place to 1 decimal", "token", "redacted"}},
    {"date", "user.demographic.date_of_birth", "1990-04-30", {"clear", "year", "month", "age band of 10", "token"}},
    {"time", "user.behavior", "2026-01-02T03:04:05Z", {"clear", "year", "month", "token", "redacted"}},
    {"integer", "user.account", "1234567", {"clear", "range of 1000", "token", "redacted"}},
    {"decimal", "user.financial", "1234.5678", {"clear", "range of 100", "token"}},
    {"duration", "user.behavior.media_consumption", "123.456", {"clear", "range of 60", "token"}},
    {"boolean", "user", "true", {"clear", "token", "redacted"}},
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string document() {
    std::string out =
        "holdfast: 1\nagreement: random\nversion: 1\nsubjects: {country: US}\nparties:\n"
        "  maker: {role: operator, country: CN, key: maker+ac162852+AbKvlXaoR6r/PRT/9Vntrvs7m8zbDBVJfwudzTvY02sP}\n"
        "  keeper: {role: trustee, country: US, key: keeper+2360a64e+Af2SwdDaqxGaA0JziE6S1iY7o5wN+AXPjyqjBkOeW/Kd}\n"
        "  watcher: {role: overseer, country: US, key: "
        "watcher+b311fa9a+AWSlPgECV8CnCQjKxGrFlpriEXA/iZUw0I/qTUSPHmQc}\n";
    const int others = 1 + pick(5);
    for (int i = 0; i < others; ++i) out += party(i, others);
    out += "collections:\n";
    collections_ = 1 + pick(3);
    for (int c = 0; c < collections_; ++c) {
      out += fmt::format("  c{}:\n    from: [p0]\n    keep: 1y\n    fields:\n", c);
      for (std::size_t s = 0; s < kSamples.size(); ++s)
        out += fmt::format("      f{}: {{type: {}, category: {}}}\n", s, kSamples[s].type, kSamples[s].category);
    }
    out += "flows:\n";
    out += jobs();
    const int flows = 1 + pick(8);
    for (int i = 0; i < flows; ++i) out += flow(i, others);
    return out + "changes:\n  agreement: {signed-by: [operator, trustee, overseer]}\n";
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  std::string party(int index, int count) {
    static constexpr std::string_view kCountries[] = {"US", "CN", "GB", "KY"};
    std::string out = fmt::format("  p{}: {{role: recipient, country: {}", index, kCountries[pick(4)]);
    if (index > 0 && pick(3) == 0) out += fmt::format(", operated-by: p{}", pick(index));
    if (pick(4) == 0) out += fmt::format(", viewed-from: {}", kCountries[pick(4)]);
    if (index > 0 && pick(3) == 0)
      out += fmt::format(", owners: [{{party: p{}, share: {} %}}]", pick(index), 1 + pick(100));
    const int to = pick(count);
    if (to != index && pick(3) == 0) out += fmt::format(", shares-with: [p{}]", to);
    return out + "}\n";
  }

  std::string flow(int index, int parties) {
    static constexpr std::string_view kUses[] = {"essential.service", "functional.service.improve",
                                                 "essential.service.operations.support"};
    const int to = pick(parties + 1);
    std::string out = fmt::format("  w{}:\n    to: {}\n    use: {}\n", index,
                                  to == parties ? "maker" : fmt::format("p{}", to), kUses[pick(3)]);
    const int collection = pick(collections_);
    if (pick(4) == 0) return out + runs(collection, pick(products_ + 1));
    if (pick(5) == 0) return out + sums(collection);
    std::string fields;
    for (std::size_t s = 0; s < kSamples.size(); ++s) {
      if (pick(3) != 0 && !(fields.empty() && s + 1 == kSamples.size())) continue;
      const auto& forms = kSamples[s].forms;
      fields += fmt::format("{}f{}: {}", fields.empty() ? "" : ", ", s,
                            forms[static_cast<std::size_t>(pick(static_cast<int>(forms.size())))]);
    }
    return out + fmt::format("    gives: {{c{}: {{{}}}}}\n", collection, fields);
  }

  /// A module that reads one field, with the product of that number, if there is one.
  std::string runs(int collection, int product) {
    return fmt::format("    run: module\n    reads: {{c{}: [f{}]}}\n    output: 1KiB\n", collection, pick(9)) +
           (product < products_ ? fmt::format("    with: m{}\n", product) : "");
  }

  /// Sums by up to two fields, of which the last but one of the samples may be added up.
  std::string sums(int collection) {
    std::string by;
    for (int left = pick(3); left > 0; --left)
      by += fmt::format("{}f{}", by.empty() ? "" : ", ", pick(4) * 2 + left - 1);
    return fmt::format(
        "    aggregate: {{from: c{}, by: [{}], measure: {{{}}}, privacy: {{epsilon: 20, delta: 1e-6, per: week, "
        "contributions: 1}}}}\n",
        collection, by, pick(2) == 0 ? "n: count" : "t: sum of f7 within 0s..600s");
  }

  /// Jobs, of which one may go on from the products before it or after it, but never round.
  std::string jobs() {
    products_ = pick(4);
    const bool backwards = pick(2) == 0;
    std::string out;
    for (int i = 0; i < products_; ++i) {
      const int with = backwards ? i + 1 + pick(2) : pick(2) == 0 && i > 0 ? pick(i) : products_;
      out += fmt::format("  j{}:\n    use: functional.service.improve\n    makes: m{}\n", i, i) +
             runs(pick(collections_), with);
    }
    return out;
  }

  std::mt19937_64 random_;
  int collections_ = 1, products_ = 0;
};

struct Record {
  const Bytes* find(std::uint32_t tag) const {
    const auto at = values.find(tag);
    return at == values.end() ? nullptr : &at->second;
  }
  std::map<std::uint32_t, Bytes> values;
};

Record record_of(const Collection& collection) {
  Record out;
  for (std::size_t i = 0; i < collection.fields.size(); ++i) {
    const auto value = disclosure::value_from_text(collection.fields[i].type, kSamples[i].text);
    if (!value) ADD_FAILURE() << kSamples[i].text << ": " << value.error().text();
    if (value) out.values[collection.fields[i].tag] = *value;
  }
  return out;
}

/// What a released value reveals, by looking at it beside what was deposited, not at what was agreed.
Level revealed(const json::value& released, const Field& field, const Record& record) {
  std::string clear;
  EXPECT_TRUE(disclosure::append_json(clear, field.type, *record.find(field.tag)));
  if (json::serialize(released) == json::serialize(json::parse(clear))) return Level::clear;
  return released.is_string() && released.get_string().starts_with("tok_") ? Level::token : Level::generalised;
}

using Key = std::tuple<PartyIndex, std::string, std::string>;

/// What is in an input, a product or an output: a module that puts out all that it was given, as the worst does.
using Told = std::set<std::string>;

Told told_by(const Plan& plan, const Flow& flow, const std::map<std::string, Told>& products) {
  Told out;
  for (const Reads& reads : flow.reads) {
    for (const FieldIndex field : reads.fields) out.insert(plan.collections[reads.collection].fields[field].category);
  }
  if (!flow.with) return out;
  if (const auto product = products.find(*flow.with); product != products.end())
    out.insert(product->second.begin(), product->second.end());
  return out;
}

/// Runs all jobs, again and again, until nothing changes any more.
std::map<std::string, Told> run_jobs(const Plan& plan) {
  std::map<std::string, Told> out, before;
  do {
    before = out;
    for (const Flow& flow : plan.flows) {
      if (flow.makes) out[*flow.makes] = told_by(plan, flow, before);
    }
  } while (out != before);
  return out;
}

/// Adds up what some have deposited, and tells whether anything of each field that is read can be seen in it: groups
/// and counts are of all of them, a sum is of its own.
void add_up(const Plan& plan, const Flow& flow, std::map<Key, Level>& out) {
  const Collection& collection = plan.collections[flow.reads.front().collection];
  const Record record = record_of(collection);
  disclosure::Aggregator sums(plan, flow);
  std::vector<ByteView> values;
  for (const std::uint32_t tag : sums.fields()) values.push_back(*record.find(tag));
  for (int subject = 0; subject < 40; ++subject) {
    sums.begin_subject();
    sums.add(values);
    ASSERT_TRUE(sums.end_subject());
  }
  const json::value table = json::parse(sums.finish().json);
  const json::array& groups = table.get_object().at("groups").get_array();
  ASSERT_EQ(groups.size(), 1u) << "flow " << flow.name;
  const Aggregate& terms = *flow.aggregate;
  const bool counts = std::ranges::any_of(terms.measures, [](const Measure& measure) { return !measure.field; });
  for (std::size_t i = 0; i < collection.fields.size(); ++i) {
    const auto field = static_cast<FieldIndex>(i);
    const bool grouped = std::ranges::find(terms.by, field) != terms.by.end();
    const bool summed = std::ranges::any_of(terms.measures, [&](const Measure& each) { return each.field == field; });
    if (!counts && !grouped && !summed) continue;
    EXPECT_EQ(grouped, groups[0].get_object().contains(collection.fields[i].name));
    Level& most = out[{flow.to, collection.fields[i].category, flow.use}];
    most = std::max(most, Level::aggregate);
  }
}

/// Runs every flow of a plan for one subject: the most revealing form of each category at each party and use.
std::map<Key, Level> run(const Plan& plan) {
  std::map<Key, Level> out;
  const disclosure::TokenKeys keys(Key256::from(std::string(32, 'r')).value());
  const auto products = run_jobs(plan);
  for (const Flow& flow : plan.flows) {
    if (flow.kind == Flow::Kind::run && !flow.makes) {
      for (const std::string& category : told_by(plan, flow, products))
        out[{flow.to, category, flow.use}] = Level::clear;
    }
    if (flow.kind == Flow::Kind::aggregate) add_up(plan, flow, out);
    if (flow.kind != Flow::Kind::gives) continue;
    const auto token = std::make_shared<const disclosure::TokenKey>(keys.key_for(plan.parties[flow.to].name, flow.use));
    for (const GivenCollection& given : flow.gives) {
      const Collection& collection = plan.collections[given.collection];
      const Record record = record_of(collection);
      const auto former = disclosure::RecordFormer::create(plan, given, token);
      std::string released;
      if (!former || !former->append(released, record, kNow)) {
        ADD_FAILURE() << "flow " << flow.name << " does not run";
        continue;
      }
      const json::value parsed = json::parse(released);
      for (const Field& field : collection.fields) {
        const json::value* value = parsed.get_object().if_contains(field.name);
        if (value == nullptr) continue;
        Level& most = out[{flow.to, field.category, flow.use}];
        most = std::max(most, revealed(*value, field, record));
      }
    }
  }
  return out;
}

/// Sound: every release is in a cell, at everyone who gets it. Complete: the way that a cell shows brings that level.
void compare_both(const Reach& reach) {
  const auto released = run(*reach.plan);
  std::map<Key, const Cell*> cells;
  for (const Cell& cell : reach.cells) cells[{cell.party, std::string(cell.category), std::string(cell.use)}] = &cell;
  for (const auto& [key, level] : released) {
    const auto& [to, category, use] = key;
    for (const PartyIndex party : reach.spread.from(to)) {
      const auto cell = cells.find({party, category, use});
      ASSERT_NE(cell, cells.end()) << category << " is released to " << reach.plan->parties[party].name;
      EXPECT_LE(level, cell->second->level) << category << " to " << reach.plan->parties[party].name;
    }
  }
  for (const Cell& cell : reach.cells) {
    const Source& source = reach.sources[cell.source];
    if (!source.is_released()) continue;
    const auto found = released.find({source.to, std::string(cell.category), std::string(cell.use)});
    ASSERT_NE(found, released.end()) << describe_path(reach, cell) << ": is never released";
    EXPECT_GE(found->second, cell.level) << describe_path(reach, cell);
    const auto path = reach.path(cell);
    EXPECT_EQ(path.size(), cell.steps);
    EXPECT_EQ(path.empty() ? source.to : path.back().to, cell.party);
  }
}

TEST(Soundness, WhatIsReleasedIsWithinTheAnalysisAndBack) {
  const char* given = std::getenv("HOLDFAST_SEED");
  const std::uint64_t first = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
  for (std::uint64_t seed = first; seed < first + 1000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("HOLDFAST_SEED={}", seed));
    const std::string document = Generator(seed).document();
    SCOPED_TRACE(document);
    const Checked checked = check(document);
    for (const Finding& finding : checked.findings) ADD_FAILURE() << finding.text();
    if (checked.plan) compare_both(analyse(checked.plan));
  }
}

/// 1,000 flows and 10,000 fields given.
TEST(Speed, AThousandFlows) {
  std::string document = base_document();
  std::string fields, gives, flows;
  for (int i = 0; i < 100; ++i) fields += fmt::format("      f{}: {{type: text, category: user.contact.email}}\n", i);
  for (int i = 0; i < 10; ++i) gives += fmt::format("{}f{}: token", i ? ", " : "", i * 7);
  for (int i = 0; i < 1000; ++i)
    flows +=
        fmt::format("  w{}:\n    to: maker\n    use: essential.service\n    gives: {{visits: {{{}}}}}\n", i, gives);
  const auto field_at = document.find("      page:"), flow_at = document.find("  account:\n");
  ASSERT_LT(field_at, flow_at);
  document.insert(flow_at, flows);
  document.insert(field_at, fields);
  const Checked checked = check(document);
  ASSERT_TRUE(checked.plan) << checked.findings.front().text();
  const auto start = std::chrono::steady_clock::now();
  const Reach reach = analyse(checked.plan);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  EXPECT_GE(reach.sources.size(), 10'000u);
  RecordProperty("analysis_us", static_cast<int>(took.count()));
  EXPECT_LT(took.count(), 500'000);  // the bench holds it to 50 ms; here only what a slow, instrumented build takes
}

}  // namespace
}  // namespace holdfast::analysis
