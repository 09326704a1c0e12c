#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "agreement/agreement.h"
#include "agreement/form.h"
#include "agreement/show.h"
#include "agreement/spelling.h"
#include "agreement/taxonomy.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

std::string base_document() {
  std::ifstream in(HOLDFAST_SOURCE_DIR "/tests/cases/agreement/base.yaml", std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string_view first_slug(const Checked& checked) {
  return checked.findings.empty() ? std::string_view() : checked.findings.front().slug;
}

TEST(Plan, HoldsWhatTheDocumentSays) {
  const std::string document = base_document();
  const auto plan = compile(document);
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  const Plan& p = **plan;
  EXPECT_EQ(p.agreement, "shop");
  EXPECT_EQ(p.version, 1u);
  EXPECT_EQ(p.hash, sha256(document));
  EXPECT_EQ(p.parties[p.trustee()].name, "keeper");
  EXPECT_EQ(p.served_by, std::vector<PartyIndex>{*p.find_party("desk")});
  EXPECT_EQ(p.parties[*p.find_party("desk")].operated_by, p.find_party("keeper"));
  const Collection& visits = p.collections[*p.find_collection("visits")];
  EXPECT_TRUE(visits.append_only());
  EXPECT_EQ(visits.keep, std::chrono::hours(36));
  const Flow& support = p.flows[*p.find_flow("support")];
  EXPECT_EQ(support.gives_json, R"({"profile":{"birthdate":"year","email":"token"}})");
  ASSERT_EQ(support.limits.size(), 2u);
  EXPECT_EQ(p.limits[support.limits[0]].name, "flow:support");
  EXPECT_FALSE(p.limits[support.limits[0]].rolling);
  EXPECT_EQ(p.limits[support.limits[1]].name, "bulk:1");
  EXPECT_TRUE(p.limits[support.limits[1]].rolling);
  EXPECT_EQ(p.limits[support.limits[1]].windows, 12u);
  EXPECT_TRUE(p.flows[*p.find_flow("account")].limits.empty());
  const Flow& feed = p.flows[*p.find_flow("feed")];
  EXPECT_EQ(feed.kind, Flow::Kind::run);
  EXPECT_TRUE(feed.to_subject);
  EXPECT_TRUE(feed.gives.empty());
  EXPECT_EQ(feed.size_max_bytes, 16384u);
  EXPECT_FALSE(p.find_flow("fourth").has_value());
}

TEST(Plan, AProductCarriesWhatItsMakersRead) {
  std::string document = base_document();
  const std::string feed = "    reads: {visits: [page]}\n", report = "  report:\n";
  document.replace(document.find(feed), feed.size(), feed + "    with: index\n");
  document.insert(
      document.find(report),
      "  train:\n    use: personalize.content\n    run: trainer\n    reads: {visits: [page, spent], profile: "
      "[points]}\n    makes: model\n    output: 1MiB\n"
      "  index:\n    use: personalize.content\n    run: indexer\n    reads: {profile: [birthdate, points]}\n"
      "    with: model\n    makes: index\n    output: 1MiB\n");
  const auto plan = compile(document);
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  const Plan& p = **plan;
  const FlowIndex index = *p.find_flow("index"), train = *p.find_flow("train"), feeding = *p.find_flow("feed");
  EXPECT_EQ(p.flows[feeding].maker, index);
  EXPECT_EQ(p.flows[train].to, p.trustee());
  EXPECT_EQ(p.find_maker("model"), train);
  std::string carried;
  for (const Carried& each : p.carried(feeding))
    carried += p.flows[each.reader].name + ":" + p.collections[each.collection].fields[each.field].name + " ";
  EXPECT_EQ(carried, "feed:page index:birthdate index:points train:spent ");
  EXPECT_EQ(p.carried(train).size(), 3u);
  EXPECT_THAT(show_text(p), testing::HasSubstr("train: to nobody: 'model' stays with keeper (US)"));
  EXPECT_THAT(show_text(p), testing::HasSubstr("profile.birthdate  of all, in index"));
}

TEST(Plan, HasAnAggregatesTerms) {
  const auto plan = compile(base_document());
  ASSERT_TRUE(plan.has_value());
  const Flow& flow = (*plan)->flows[*(*plan)->find_flow("report")];
  ASSERT_TRUE(flow.aggregate);
  const Aggregate& terms = *flow.aggregate;
  const Collection& visits = (*plan)->collections[flow.reads.front().collection];
  ASSERT_EQ(terms.by.size(), 1u);
  EXPECT_EQ(visits.fields[terms.by[0]].name, "page");
  ASSERT_EQ(terms.measures.size(), 2u);
  EXPECT_FALSE(terms.measures[0].field);
  EXPECT_EQ(terms.measures[0].high, 1);
  EXPECT_EQ(visits.fields[*terms.measures[1].field].name, "spent");
  EXPECT_EQ(terms.measures[1].high, 600'000);  // milliseconds
  EXPECT_EQ(terms.measures[1].scale, 3);
  EXPECT_EQ(terms.epsilon_micro, 1'000'000u);
  EXPECT_EQ(terms.delta, 1e-9);
  EXPECT_EQ(terms.per, Limit::Window::week);
  EXPECT_EQ(terms.contributions, 20u);
  EXPECT_EQ(terms.parts(), 3u);
  EXPECT_EQ(flow.gives_json, R"({"visits":{"page":"aggregate","spent":"aggregate"}})");
}

TEST(Plan, IsShownWhole) {
  const auto plan = compile(base_document());
  ASSERT_TRUE(plan.has_value());
  const std::string text = show_text(**plan);
  for (const char* part :
       {"shop version 1", "support: to maker (CN)", "profile.email      token", "at most 200 subjects per day", "36h",
        "runs 'ranker'", "adds up visits, by page: visits (count), time (sum of spent within 0s..600s)", "keeper"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(show_json(**plan).find(R"("field":"profile.email","form":"token")"), std::string::npos);
}

TEST(Plan, IsShownWithWhoMustSignWhat) {
  const auto plan = compile(base_document() +
                            "  module: {signed-by: [operator, trustee], seen-by: overseer}\n"
                            "  emergency: {signed-by: any 2, for-at-most: 4h}\n  suspend: {signed-by: overseer}\n");
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  EXPECT_THAT(
      show_text(**plan),
      testing::HasSubstr("a change needs operator 'maker', trustee 'keeper', overseer 'watcher'\n"
                         "a module needs operator 'maker', trustee 'keeper', and seen by overseer 'watcher'\n"
                         "an emergency needs any 2 of operator, trustee and overseer, and lasts at most 4 hours\n"
                         "a suspension needs overseer 'watcher'\n"));
  EXPECT_THAT(show_json(**plan),
              testing::HasSubstr(
                  R"("module":{"signed_by":{"all":["maker","keeper"],"any":0},"seen_by":["watcher"]},"emergency":)"
                  R"({"signed_by":{"all":[],"any":2},"at_most_s":14400},"suspend":{"signed_by":{"all":["watcher"])"));
}

TEST(Compile, FailsWithTheFirstFindings) {
  const auto plan = compile("holdfast: 2\n");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Code::invalid);
  EXPECT_EQ(plan.error().where, "1:1");
  EXPECT_EQ(plan.error().slug, "agreement.term.missing");
  EXPECT_NE(plan.error().what.find("\nand "), std::string::npos) << plan.error().what;
}

TEST(Text, WhatCannotBeSignedOrMisleadsIsRefused) {
  const std::string good = base_document();
  const auto with = [&](std::string_view bytes) { return good + "# " + std::string(bytes) + "\n"; };
  EXPECT_TRUE(check(with("日本語 ok")).findings.empty());
  for (const std::string_view bad :
       {"\t", "\r", "\x01", "\x7f", "\xC2\x85", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x80\xA8"}) {
    EXPECT_EQ(first_slug(check(with(bad))), "agreement.text.control");
  }
  EXPECT_EQ(first_slug(check(with(std::string_view("\0", 1)))), "agreement.text.control");
  EXPECT_EQ(first_slug(check("\xEF\xBB\xBF" + good)), "agreement.text.control");
  EXPECT_EQ(first_slug(check(with("\xFF"))), "agreement.text.encoding");
  EXPECT_EQ(first_slug(check(with("\xED\xA0\x80"))), "agreement.text.encoding");
  EXPECT_EQ(first_slug(check(good + "# no end")), "agreement.text.unended");
  EXPECT_EQ(first_slug(check(good + std::string(1 << 20, '#') + "\n")), "agreement.text.large");
}

TEST(Text, ColumnsCountCharacters) {
  const Checked checked = check("{\"ключ\": 1, holdfast: 2}\n");
  const auto found =
      std::ranges::find(checked.findings, std::string_view("agreement.language.unknown"), &Finding::slug);
  ASSERT_NE(found, checked.findings.end());
  EXPECT_EQ(found->column, 23u);
}

TEST(Bounds, HoldAgainstHugeDocuments) {
  std::string many = "[";
  for (int i = 0; i < 250'000; ++i) many += "1,";
  EXPECT_EQ(first_slug(check(many + "1]\n")), "agreement.yaml.large");
  std::string unknown;
  for (int i = 0; i < 20'000; ++i) unknown += fmt::format("k{}: 1\n", i);
  const Checked checked = check(unknown);
  EXPECT_EQ(checked.findings.size(), kFindingsMax + 1);
  EXPECT_EQ(checked.findings.back().slug, "agreement.findings.many");
  std::string parties = "parties:\n";
  for (int i = 0; i < 300; ++i) parties += fmt::format("  p{}: {{}}\n", i);
  const Checked crowd = check(parties);
  EXPECT_TRUE(std::ranges::any_of(crowd.findings, [](const Finding& f) { return f.slug == "agreement.term.many"; }));
  for (const char* open : {"[", "{", "- ", "? ", "a: {", "'", "|"}) {
    std::string deep;
    for (int i = 0; i < 20'000; ++i) deep += open;
    EXPECT_FALSE(check(deep + "\n").findings.empty()) << open;
  }
}

TEST(Form, TextAndParseAreInverse) {
  for (const char* text :
       {"clear", "token", "redacted", "year", "month", "first 1", "first 1000", "range of 1", "range of 1000",
        "age band of 10", "place to 0 decimals", "place to 1 decimal", "place to 2 decimals"}) {
    const auto form = parse_form(text);
    ASSERT_TRUE(form.has_value()) << text;
    EXPECT_EQ(form->text(), text);
  }
  for (const char* text :
       {"", "Clear", "clear ", "first", "first 0", "first 03", "first  3", "first 1001", "range of -1", "range 5",
        "age band of 1", "age band of 51", "place to 1 decimals", "place to 2 decimal", "place to 5 decimals",
        "place to 2", "place to 02 decimals", "first 99999999999999999999"}) {
    EXPECT_FALSE(parse_form(text).has_value()) << text;
  }
}

TEST(Form, IsOrderedByWhatItReveals) {
  EXPECT_LT(level_of({Form::Kind::redacted}), level_of({Form::Kind::token}));
  EXPECT_LT(level_of({Form::Kind::token}), level_of({Form::Kind::year}));
  EXPECT_EQ(level_of({Form::Kind::year}), level_of({Form::Kind::place, 2}));
  EXPECT_LT(level_of({Form::Kind::first, 3}), level_of({Form::Kind::clear}));
}

TEST(Spelling, HasOneWayToSayAThing) {
  EXPECT_EQ(parse_duration("5y"), std::chrono::hours(5 * 365 * 24));
  EXPECT_EQ(parse_duration("400d"), std::chrono::hours(400 * 24));
  for (const char* bad : {"", "y", "5", "05y", "5 y", "101y", "5m", "-1d", "99999999999999999999d"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_size("16KiB"), 16384u);
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  for (const char* bad : {"", "16", "16KB", "65MiB", "0B", "1 KiB"}) EXPECT_FALSE(parse_size(bad).has_value()) << bad;
  const auto limit = parse_limit("1000 records per hour");
  ASSERT_TRUE(limit.has_value());
  EXPECT_EQ(limit->counts, Limit::Counts::records);
  EXPECT_EQ(limit->window, Limit::Window::hour);
  for (const char* bad : {"0 subjects per day", "5 subjects  per day", "5 subjects per 2 days", "5 subjects per day ",
                          "5 people per day"}) {
    EXPECT_FALSE(parse_limit(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_rolling_limit("5 subjects per 12 months")->windows, 12u);
  EXPECT_EQ(parse_rolling_limit("5 subjects per month")->windows, 1u);
  for (const char* bad :
       {"5 records per 12 months", "5 subjects per 1 months", "5 subjects per 12 month", "5 subjects per 121 months"}) {
    EXPECT_FALSE(parse_rolling_limit(bad).has_value()) << bad;
  }
  EXPECT_TRUE(is_country("NO"));
  for (const char* bad : {"UK", "us", "EU", "U ", "USA", ""}) EXPECT_FALSE(is_country(bad)) << bad;
  EXPECT_FALSE(is_name("No"));
  EXPECT_TRUE(is_name("watch_Time-2"));
}

TEST(Taxonomy, EveryTermHasParentAndDescription) {
  for (const auto terms : {fideslang_categories(), fideslang_uses()}) {
    const Taxonomy taxonomy(terms);
    EXPECT_EQ(taxonomy.keys().size(), terms.size());
    for (const Term& term : terms) {
      EXPECT_TRUE(is_term(term.key)) << term.key;
      EXPECT_FALSE(term.description.empty()) << term.key;
      EXPECT_TRUE(taxonomy.has(term.key.substr(0, term.key.rfind('.')))) << term.key;
    }
  }
  EXPECT_TRUE(covers("user.contact", "user.contact.email"));
  EXPECT_FALSE(covers("user.contact", "user.contacts"));
}

}  // namespace
}  // namespace holdfast::agreement
