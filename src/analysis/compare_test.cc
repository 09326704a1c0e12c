#include "analysis/compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "analysis/fixture_test.h"
#include "base/hash.h"

namespace holdfast::analysis {
namespace {

using testing::HasSubstr;

std::string changes_of(const std::string& before, const std::string& after, const agreement::PackReader& packs = {}) {
  std::string out;
  for (const Change& change : compare(reach_of(before, packs), reach_of(after, packs)))
    out += std::string(to_string(change.kind)) + " " + change.text + "\n";
  return out;
}

TEST(Compare, TheSameChangesNothing) { EXPECT_EQ(changes_of(base_document(), base_document()), ""); }

TEST(Compare, WhatOpensComesFirst) {
  const std::string draft = base_document({{"birthdate: year", "birthdate: month, points: clear"},
                                           {"    limit: 200 subjects per day\n", "    limit: 100 subjects per day\n"}});
  EXPECT_EQ(changes_of(base_document(), draft),
            "opens user.account reaches 'maker' (CN) in the clear, for essential.service.operations.support\n"
            "widens user.demographic.date_of_birth reaches 'maker' (CN) as month, for "
            "essential.service.operations.support; before: as year\n"
            "tightens flow 'support' may give 100 subjects per day; before: 200\n");
  EXPECT_THAT(changes_of(draft, base_document()), HasSubstr("closes user.account no longer reaches 'maker'"));
  EXPECT_THAT(changes_of(draft, base_document()), HasSubstr("loosens flow 'support' may give 200"));
}

TEST(Compare, WhatOpensAbroadComesBeforeWhatOpensAtHome) {
  const std::string draft = base_document({{"profile: {email: clear}", "profile: {email: clear, points: clear}"},
                                           {"    limit: 200 subjects per day\n", "    limit: 300 subjects per day\n"},
                                           {"birthdate: year", "birthdate: month"}});
  EXPECT_EQ(changes_of(base_document(), draft),
            "widens user.demographic.date_of_birth reaches 'maker' (CN) as month, for "
            "essential.service.operations.support; before: as year\n"
            "opens user.account reaches 'desk' (US) in the clear, for essential.service\n"
            "opens user.account reaches 'keeper' (US) in the clear, for essential.service\n"
            "loosens flow 'support' may give 300 subjects per day; before: 200\n");
}

TEST(Compare, OwnersAndSigners) {
  const std::string draft =
      base_document({{"operated-by: keeper}", "operated-by: keeper, owners: [{country: GB, share: 50 %}]}"},
                     {"[operator, trustee, overseer]", "any 2"},
                     {"at-most: 1000 subjects", "at-most: 2000 subjects"}});
  const std::string changes = changes_of(base_document(), draft);
  EXPECT_THAT(changes, HasSubstr("counts 'desk' now counts as of GB"));
  EXPECT_THAT(changes, HasSubstr("signs a change must be signed by any 2"));
  EXPECT_THAT(changes, HasSubstr("loosens this prohibition is gone: at most 1000 subjects"));
  EXPECT_THAT(changes, HasSubstr("tightens a new prohibition: at most 2000 subjects"));
}

TEST(Compare, AFieldThatIsCalledOtherwiseComesBeforeAllAtHome) {
  const std::string before = base_document({{"email: token, birthdate: year", "email: token, points: clear"}});
  const std::string after = base_document(
      {{"email: {type: text, category: user.contact.email}", "email: {type: text, category: user.account}"},
       {"email: token, birthdate: year", "email: clear, points: clear"}});
  EXPECT_EQ(changes_of(before, after),
            "widens flow 'support' gives 'maker' (CN) profile.email in the clear; before: profile.email as token\n"
            "alters profile.email is of user.account; before: user.contact.email\n"
            "opens user.account reaches 'desk' (US) in the clear, for essential.service\n"
            "opens user.account reaches 'keeper' (US) in the clear, for essential.service\n"
            "closes user.contact.email no longer reaches 'desk' (US) in the clear, by subjects' own exports\n"
            "closes user.contact.email no longer reaches 'desk' (US) in the clear, for essential.service\n"
            "closes user.contact.email no longer reaches 'keeper' (US) in the clear, by subjects' own exports\n"
            "closes user.contact.email no longer reaches 'keeper' (US) in the clear, for essential.service\n"
            "closes user.contact.email no longer reaches 'maker' (CN) as token, for "
            "essential.service.operations.support\n");
  EXPECT_TRUE(is_opening(Change::Kind::alters));
}

TEST(Compare, AFieldBehindAnotherOfItsCategory) {
  const std::string one = base_document({{"birthdate: year", "points: clear"}}),
                    both = base_document({{"birthdate: year", "points: clear, member: token"}}),
                    open = base_document({{"birthdate: year", "points: clear, member: clear"}});
  EXPECT_EQ(changes_of(one, both),
            "opens flow 'support' gives 'maker' (CN) profile.member as token; before: nothing of it\n");
  EXPECT_EQ(changes_of(both, open),
            "widens flow 'support' gives 'maker' (CN) profile.member in the clear; before: profile.member as token\n");
  EXPECT_EQ(changes_of(open, both),
            "narrows flow 'support' gives 'maker' (CN) profile.member as token; before: profile.member in the clear\n");
  EXPECT_EQ(changes_of(both, one),
            "closes flow 'support' gives 'maker' (CN) nothing of profile.member; before: profile.member as token\n");
}

TEST(Compare, EachFieldThatWidensIsTold) {
  const std::string tokens = base_document({{"birthdate: year", "points: token, member: token"}}),
                    open = base_document({{"birthdate: year", "points: clear, member: clear"}});
  EXPECT_EQ(changes_of(tokens, open),
            "widens user.account reaches 'maker' (CN) in the clear, for essential.service.operations.support; before: "
            "as token\n"
            "widens flow 'support' gives 'maker' (CN) profile.member in the clear; before: profile.member as token\n");
}

TEST(Compare, AnotherWayToWhatArrivesAlready) {
  const std::string again = base_document(
      {{"  feed:\n",
        "  again:\n    to: desk\n    use: essential.service\n    gives: {profile: {email: clear}}\n  feed:\n"}});
  EXPECT_EQ(changes_of(base_document(), again),
            "opens a new flow, 'again', gives 'desk' (US) profile.email in the clear, for essential.service; no limit "
            "of its own\n");
  EXPECT_EQ(changes_of(again, base_document()), "closes flow 'again' is there no more\n");
}

TEST(Compare, WhomAFlowGoesToAndWhetherAModuleStandsBetween) {
  const std::string direct = base_document({{"to: subject via desk", "to: desk"}});
  EXPECT_EQ(changes_of(base_document(), direct),
            "opens flow 'feed' goes to 'desk' (US), for personalize.content; before: to each subject, via 'desk' (US), "
            "for personalize.content\n");
  EXPECT_THAT(changes_of(direct, base_document()), HasSubstr("narrows flow 'feed' goes to each subject, via 'desk'"));
  const std::string plain = base_document({{"    run: ranker\n    reads: {visits: [page]}\n    output: 16KiB\n",
                                            "    gives: {visits: {page: clear}}\n    limit: 16KiB per release\n"}});
  EXPECT_EQ(changes_of(base_document(), plain),
            "widens flow 'feed' gives each subject, via 'desk' (US) visits.page in the clear; before: what 'ranker' "
            "makes of visits.page\n"
            "closes user.behavior.browsing_history no longer reaches 'watcher' (US) in the clear, for "
            "personalize.content\n");
}

/// How the terms of what 'report' adds up change, and what is said of it.
std::string report_changes(std::string_view from, std::string_view to) {
  return changes_of(base_document(), base_document({{from, to}}));
}

TEST(Compare, TheTermsOfAnAggregate) {
  const std::string was =
      "visits, by page: visits (count), time (sum of spent within 0s..600s); epsilon 1 and delta 1e-9 per week, of at "
      "most 20 records of a subject\n";
  const std::string head = "alters flow 'report' adds up visits, ";
  EXPECT_EQ(report_changes("epsilon: 1,", "epsilon: 2,"),
            head +
                "by page: visits (count), time (sum of spent within 0s..600s); epsilon 2 and delta 1e-9 per week, of "
                "at most 20 records of a subject; before: " +
                was);
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"delta: 1e-9", "delta: 1e-6"},
           {"per: week", "per: day"},
           {"contributions: 20", "contributions: 10"},
           {"by: [page]", "by: []"},
           {"0s..600s", "0s..900s"},
           {"visits: count, ", ""},
           {"epsilon: 1, delta: 1e-9, per: week", "epsilon: 0.5, delta: 1e-9, per: day"}}) {
    EXPECT_THAT(report_changes(from, to), HasSubstr(head)) << from << " to " << to;
    EXPECT_THAT(report_changes(from, to), HasSubstr("; before: " + was)) << from << " to " << to;
  }
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"epsilon: 1,", "epsilon: 0.5,"}, {"delta: 1e-9", "delta: 1e-12"}, {"per: week", "per: month"}}) {
    EXPECT_THAT(report_changes(from, to), testing::StartsWith("tightens flow 'report' adds up"))
        << from << " to " << to;
  }
  EXPECT_THAT(report_changes("  report:\n", "  weekly:\n"),
              HasSubstr("opens a new flow, 'weekly', gives 'maker' (CN) sums of visits, by page"));
}

/// A law for 'maker' or whom the agreement names; version 2 is another text.
std::string law(std::uint32_t version) {
  return fmt::format(
      "holdfast-rules: 1\nrules-of: small-law\nversion: {}\ntitle: A law of years\n"
      "covered: {{cite: SL 1, named: by the agreement}}\nrules:\n  birth: {{cite: SL 2, says: Years only., "
      "only: user.demographic.date_of_birth, as: {}}}\n",
      version, version == 1 ? "year" : "[year, month]");
}
std::string under_law(std::uint32_t version, const std::string& whom) {
  return base_document({{"prohibitions:\n", fmt::format("under: [{{rules: small-law@{}, sha256: {}, for: [{}]}}]\n"
                                                        "prohibitions:\n",
                                                        version, to_hex(sha256(law(version)).view()), whom)}});
}

TEST(Compare, ALawThatStandsNoMore) {
  const auto packs = [](const agreement::PackReference& pack) -> Result<std::string> { return law(pack.version); };
  const std::string one = under_law(1, "maker");
  const std::string first = "small-law@1 (SHA-256 " + to_hex(sha256(law(1)).view()).substr(0, 8) + "…)";
  const std::string second = "small-law@2 (SHA-256 " + to_hex(sha256(law(2)).view()).substr(0, 8) + "…)";
  EXPECT_EQ(changes_of(one, one, packs), "");
  EXPECT_EQ(changes_of(one, base_document(), packs),
            "loosens this rule pack is gone: " + first + ", for 'maker', A law of years\n");
  EXPECT_EQ(changes_of(base_document(), one, packs),
            "tightens a new rule pack binds: " + first + ", for 'maker', A law of years\n");
  EXPECT_EQ(changes_of(one, under_law(2, "maker"), packs),
            "alters another rule pack binds: " + second + ", for 'maker'; before: " + first + ", for 'maker'\n");
  EXPECT_EQ(changes_of(one, under_law(1, "watcher"), packs),
            "alters another rule pack binds: " + first + ", for 'watcher'; before: " + first + ", for 'maker'\n");
  const auto changes =
      compare(reach_of(one, packs), reach_of(base_document({{"email: clear", "email: clear, points: clear"}})));
  EXPECT_EQ(changes.front().kind, Change::Kind::loosens) << "before what opens at home";
}

TEST(Compare, WhatFieldsAndCollectionsAre) {
  EXPECT_EQ(changes_of(base_document(), base_document({{"points: {type: integer", "points: {type: text"}})),
            "alters profile.points is text; before: integer. What is stored of it cannot be read as text: flows that "
            "give it will fail (disclosure.value.stored)\n");
  EXPECT_EQ(changes_of(base_document(), base_document({{"key: visit", "key: click"}})),
            "alters 'visits' holds many records a subject, told apart by 'click'; before: many records a subject, told "
            "apart by 'visit'\n");
  EXPECT_EQ(changes_of(base_document({{"    key: visit\n", ""}}), base_document()),
            "alters 'visits' holds many records a subject, told apart by 'visit'; before: one record a subject\n");
  const std::string longer = base_document({{"keep: 36h", "keep: 48h"}});
  EXPECT_EQ(changes_of(base_document(), longer), "loosens 'visits' is kept 48 hours; before: 36\n");
  EXPECT_NE(compare(reach_of(base_document()), reach_of(longer)).front().line, 0u);
  EXPECT_THAT(changes_of(base_document(), base_document({{"subjects: {country: US", "subjects: {country: CN"}})),
              HasSubstr("alters the subjects are in CN; before: US\n"));
}

TEST(Compare, WhatCannotBeAdopted) {
  const auto obstacles_of = [](const std::string& after) {
    std::string out;
    for (const auto& note : obstacles(*reach_of(base_document()).plan, *reach_of(after).plan)) out += note + "\n";
    return out;
  };
  EXPECT_EQ(obstacles_of(base_document()), "");
  EXPECT_EQ(obstacles_of(base_document({{"version: 1", "version: 2"}})), "");
  EXPECT_EQ(
      obstacles_of(base_document({{"version: 1", "version: 3"}})),
      "to adopt this will be refused: version 1 is in force, so the next is 2, not 3 [agreement.version.stale]\n");
  EXPECT_THAT(obstacles_of(base_document({{"keep: 36h", "keep: 48h"}})), HasSubstr("the next is 2, not 1"));
  EXPECT_THAT(obstacles_of(base_document({{"agreement: shop", "agreement: shoe"}, {"version: 1", "version: 2"}})),
              HasSubstr("the agreement in force is 'shop', the proposed one 'shoe'; a change keeps the name "
                        "[agreement.name.other]"));
}

/// The base document with more under `changes`.
std::string with_changes(const std::string& lines) { return base_document() + lines; }

TEST(Compare, WhoSignsModulesEmergenciesAndSuspensions) {
  const std::string before = with_changes(
      "  module: {signed-by: [operator, overseer], seen-by: [overseer]}\n"
      "  emergency: {signed-by: any 2, for-at-most: 4h}\n  suspend: {signed-by: overseer}\n");
  EXPECT_EQ(changes_of(before, with_changes("  module: {signed-by: operator}\n"
                                            "  emergency: {signed-by: any 1, for-at-most: 4h}\n"
                                            "  suspend: {signed-by: maker}\n")),
            "signs a module must be signed by operator 'maker'; before: operator 'maker', overseer 'watcher', and seen "
            "by overseer 'watcher'\n"
            "signs an emergency must be signed by any 1 of operator, trustee and overseer, and lasts at most 4 hours; "
            "before: any 2 of operator, trustee and overseer, and lasts at most 4 hours\n"
            "signs a suspension must be signed by operator 'maker'; before: overseer 'watcher'\n");
  EXPECT_EQ(
      changes_of(before, with_changes("  module: {signed-by: [operator, overseer]}\n"
                                      "  emergency: {signed-by: any 2, for-at-most: 400d}\n"
                                      "  suspend: {signed-by: [watcher]}\n")),
      "signs a module must be signed by operator 'maker', overseer 'watcher'; before: operator 'maker', overseer "
      "'watcher', and seen by overseer 'watcher'\n"
      "signs an emergency must be signed by any 2 of operator, trustee and overseer, and lasts at most 9600 hours; "
      "before: any 2 of operator, trustee and overseer, and lasts at most 4 hours\n");
}

TEST(Compare, WhatNobodyCouldBringAboutAndWhatNobodyCanAnyMore) {
  const std::string with = with_changes(
      "  module: {signed-by: operator}\n  emergency: {signed-by: any 1, for-at-most: 4h}\n"
      "  suspend: {signed-by: overseer}\n");
  const std::string added = changes_of(base_document(), with), removed = changes_of(with, base_document());
  for (const char* rule : {"a module", "an emergency", "a suspension"}) {
    EXPECT_THAT(added, HasSubstr(std::string("signs ") + rule + " must be signed by "));
    EXPECT_THAT(removed, HasSubstr(std::string("signs nobody can bring about ") + rule + " any more; before: it must"));
  }
  EXPECT_THAT(added, HasSubstr("; before: nobody could bring it about\n"));
}

TEST(Compare, AProductOpensWhatItWasMadeOf) {
  const std::string without = base_document({{"to: subject via desk", "to: subject via maker"}});
  EXPECT_EQ(changes_of(without, product_document()),
            "opens user.account reaches 'maker' (CN) in the clear, for personalize.content\n"
            "opens user.demographic.date_of_birth reaches 'maker' (CN) in the clear, for personalize.content\n"
            "opens user.account reaches 'watcher' (US) in the clear, for personalize.content\n"
            "opens user.demographic.date_of_birth reaches 'watcher' (US) in the clear, for personalize.content\n"
            "alters flow 'feed' makes nothing, and runs with 'model'; before: it makes nothing\n"
            "alters a new product, 'model', is made of profile.birthdate, profile.member of all subjects\n");
  EXPECT_THAT(changes_of(product_document(), without), HasSubstr("tightens 'model' is made no more"));
  std::string more = product_document();
  more.replace(more.find("[birthdate, member]"), 19, "[birthdate, points]");
  EXPECT_THAT(changes_of(product_document(), more),
              HasSubstr("alters 'model' is made of profile.birthdate, profile.points; before: profile.birthdate, "
                        "profile.member"));
}

}  // namespace
}  // namespace holdfast::analysis
