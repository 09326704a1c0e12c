// Rule packs: their own language, and what they make of an agreement.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agreement/agreement.h"
#include "agreement/rule_pack.h"
#include "base/hash.h"

namespace holdfast::agreement {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kSource = HOLDFAST_SOURCE_DIR;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

const std::string kLaw = slurp(kSource / "tests/cases/agreement/rules/test-law.yaml");

TEST(RulePack, ThoseShippedRead) {
  int packs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "rules")) {
    const CheckedPack checked = check_rule_pack(slurp(entry.path()));
    for (const Finding& finding : checked.findings) ADD_FAILURE() << entry.path() << ":" << finding.text();
    ASSERT_TRUE(checked.pack);
    EXPECT_EQ(entry.path().stem(), checked.pack->name);
    for (const RulePack::Rule& rule : checked.pack->rules) EXPECT_FALSE(rule.cite.empty() || rule.says.empty());
    ++packs;
  }
  EXPECT_EQ(packs, 3);
}

TEST(RulePack, TheOneThatTheDocumentsTeachReads) {
  const std::string page = slurp(kSource / "docs/rule-packs.md"), mark = "```yaml\n";
  const auto start = page.find(mark) + mark.size();
  const CheckedPack checked = check_rule_pack(page.substr(start, page.find("```", start) - start));
  for (const Finding& finding : checked.findings) ADD_FAILURE() << "docs/rule-packs.md: " << finding.text();
  EXPECT_TRUE(checked.pack.has_value());
}

TEST(RulePack, SaysWhatIsWrong) {
  const struct {
    const char *from, *to, *finding;
  } cases[] = {
      {"holdfast-rules: 1", "holdfast-rules: 2", "rules.language.unknown"},
      {"rules-of: test-law", "rules-of: 7up", "rules.name.malformed"},
      {"version: 1", "version: 0", "agreement.number.malformed"},
      {"  cite: TL 1\n", "", "agreement.term.missing"},
      {"China: [CN, HK]", "China: [CN, XX]", "agreement.country.unknown"},
      {"Russia: RU", "Russia: [RU, HK]", "rules.contradiction"},
      {"owned-from: 50 %", "outside: {EU: DE}", "rules.covered"},
      {"owned-from: 50 %", "owned-from: 150 %", "agreement.share.malformed"},
      {"bulk: user.health_and_medical", "bulk: user.health", "agreement.category.unknown"},
      {"at-most: 10 subjects", "at-most: 0 subjects", "agreement.limit.malformed"},
      {"at-most: 10 subjects", "at-most: 99999999999999999999 subjects", "agreement.limit.malformed"},
      {"at-most: 10 subjects", "at-most: -10 subjects", "agreement.limit.malformed"},
      {"at-most: 10 subjects", "at-most: 10 elephants", "agreement.limit.malformed"},
      {"per 12 months", "per 12000 months", "agreement.limit.malformed"},
      {"not-as: place to 1 decimal", "not-as: blurred", "agreement.form.unknown"},
      {"    told-apart-by: user.device.device_id\n", "", "agreement.term.missing"},
      {"told-apart-by: user.device.device_id", "told-apart-by: user.device.serial", "agreement.category.unknown"},
      {"at-most: 10 subjects per 12 months", "at-most: 10 subjects per 12 months\n    told-apart-by: user.device",
       "rules.kind"},
      {"    never: user.demographic.religious_belief", "    never: user.content\n    told-apart-by: user.device",
       "rules.kind"},
      {"    basis: memory\n", "    basis: hearsay\n", "rules.basis"},
      {"    never: user.demographic.religious_belief", "    says-not: x", "agreement.term.unknown"},
      {"    never: user.demographic.religious_belief", "    never: [user.financial]", "rules.contradiction"},
      {"    never: user.demographic.religious_belief", "    never: user.content\n    at-most: 5 subjects per day",
       "rules.kind"},
      {"    never: user.demographic.religious_belief", "    never: user.content\n    only: user.content\n    as: year",
       "rules.kind"},
      {"    never: user.demographic.religious_belief", "    only: user.content", "agreement.term.missing"},
      {"  health:", "  finance:", "agreement.yaml.repeated"},
      {"title: A law for tests", "title: *law", "agreement.yaml"},
  };
  for (const auto& each : cases) {
    const CheckedPack checked = check_rule_pack(replaced(kLaw, each.from, each.to));
    ASSERT_FALSE(checked.findings.empty()) << each.to;
    EXPECT_FALSE(checked.pack.has_value());
    bool found = false;
    std::string all;
    for (const Finding& finding : checked.findings) {
      found = found || finding.slug.starts_with(each.finding);
      all += finding.text() + "\n";
    }
    EXPECT_TRUE(found) << each.to << " should give " << each.finding << ", gives\n" << all;
  }
  EXPECT_FALSE(check_rule_pack("").findings.empty());
}

class UnderLaw : public testing::Test {
 protected:
  /// An agreement with two parties in China and one in Russia, `flows` beneath `flows:`.
  Checked check_flows(const std::string& flows, const std::string& parties = "") {
    const std::string document =
        "holdfast: 1\nagreement: test\nversion: 1\nsubjects: {country: US}\nparties:\n"
        "  maker: {role: operator, country: CN, key: maker+ac162852+AbKvlXaoR6r/PRT/9Vntrvs7m8zbDBVJfwudzTvY02sP}\n"
        "  keeper: {role: trustee, country: US, key: keeper+2360a64e+Af2SwdDaqxGaA0JziE6S1iY7o5wN+AXPjyqjBkOeW/Kd}\n"
        "  watcher: {role: overseer, country: US, key: watcher+b311fa9a+AWSlPgECV8CnCQjKxGrFlpriEXA/iZUw0I/qTUSPHmQc}\n"
        "  clinic: {role: recipient, country: HK}\n  bank: {role: recipient, country: RU}\n"
        "  shop: {role: recipient, country: US}\n" +
        parties +
        "collections:\n  profile:\n    from: [keeper]\n    keep: 5y\n    fields:\n"
        "      email: {type: text, category: user.contact.email}\n      phone: {type: text, category: "
        "user.contact.phone_number}\n      born: {type: date, category: user.demographic.date_of_birth}\n      ip: "
        "{type: "
        "text, category: user.device.ip_address}\n      ill: {type: text, category: user.health_and_medical}\n      "
        "card: {type: text, category: user.financial.credit_card}\n      spot: {type: text, category: "
        "user.location.precise}\n      phone-id: {type: "
        "text, category: user.device.device_id}\n      films: {type: text, category: "
        "user.behavior.media_consumption}\nflows:\n" +
        flows + "under: [{rules: test-law@1, sha256: " + to_hex(sha256(kLaw).view()) +
        "}]\nchanges:\n  agreement: {signed-by: [operator, trustee, overseer]}\n";
    Checked out = check(document, [](const PackReference&) -> Result<std::string> { return kLaw; });
    for (const Finding& finding : out.findings) std::cout << finding.text() << "\n";
    return out;
  }
  static std::string flow(const std::string& name, const std::string& to, const std::string& gives) {
    return "  " + name + ": {to: " + to + ", use: essential.service, gives: {profile: {" + gives + "}}}\n";
  }
  /// The limits of a flow, in order.
  static std::vector<std::string> limits(const Checked& checked, std::string_view flow) {
    std::vector<std::string> out;
    if (!checked.plan) return {"no plan"};
    for (const LimitIndex index : checked.plan->flows[*checked.plan->find_flow(flow)].limits) {
      out.push_back(checked.plan->limits[index].name);
    }
    return out;
  }
  static std::string stands(const Checked& checked, std::string_view rule) {
    for (const RuleStanding& each : checked.rules) {
      if (each.rule == rule) return std::string(to_string(each.stands));
    }
    return "missing";
  }
};

TEST_F(UnderLaw, CountsWhatReachesThoseCovered) {
  const Checked checked =
      check_flows(flow("care", "clinic", "ill: token") + flow("ads", "shop", "ill: clear, card: clear"));
  EXPECT_THAT(limits(checked, "care"), ElementsAre("test-law/health/China", "test-law/health/to clinic"));
  EXPECT_THAT(limits(checked, "ads"), IsEmpty());
  EXPECT_EQ(stands(checked, "health"), "limited");
  EXPECT_EQ(stands(checked, "finance"), "always");
  EXPECT_EQ(stands(checked, "faith"), "always");
  const Limit& limit = checked.plan->limits[0];
  EXPECT_EQ(limit.amount, 10u);
  EXPECT_EQ(limit.of_rule->rule, "rule 'health' of test-law@1 (TL 2)");
  EXPECT_THAT(limit.of_rule->recipients, ElementsAre("clinic", "maker"));
  EXPECT_EQ(checked.plan->packs.at(0).reference(), "test-law@1");
}

/// One country's only party is counted once.
TEST_F(UnderLaw, OneCountWhereCountryAndRecipientAreTheSame) {
  EXPECT_THAT(limits(check_flows(flow("loans", "bank", "card: token")), "loans"),
              ElementsAre("test-law/finance/Russia"));
}

/// What one recipient gets it can join, for it asks by the subject: the lowest threshold holds for all of it.
TEST_F(UnderLaw, DataCombinedIsUnderTheLowestThreshold) {
  const Checked checked = check_flows(flow("care", "bank", "ill: token") + flow("loans", "bank", "card: token") +
                                      flow("films", "bank", "films: clear"));
  EXPECT_THAT(limits(checked, "loans"), ElementsAre("test-law/health/Russia", "test-law/finance/Russia"));
  EXPECT_THAT(limits(checked, "care"), ElementsAre("test-law/health/Russia", "test-law/finance/Russia"));
  EXPECT_THAT(limits(checked, "films"), IsEmpty());
}

/// Both ask by the subject's id, so they have that column in common, though tokens of two parties have nothing.
TEST_F(UnderLaw, RelatedPartiesAreTakenTogether) {
  const std::string related = "  branch: {role: recipient, country: RU, operated-by: bank}\n";
  const std::string apart = "  branch: {role: recipient, country: RU}\n";
  const std::string flows = flow("care", "branch", "ill: token") + flow("loans", "bank", "card: token");
  const auto has = [](const std::vector<std::string>& limits, const char* name) {
    return std::find(limits.begin(), limits.end(), name) != limits.end();
  };
  EXPECT_TRUE(has(limits(check_flows(flows, related), "loans"), "test-law/health/Russia"));
  EXPECT_FALSE(has(limits(check_flows(flows, apart), "loans"), "test-law/health/Russia"));
}

TEST_F(UnderLaw, IdentifiersCountInCombination) {
  EXPECT_THAT(limits(check_flows(flow("mail", "bank", "email: clear")), "mail"), IsEmpty());
  EXPECT_THAT(limits(check_flows(flow("mail", "bank", "email: token, phone: token, born: year")), "mail"), IsEmpty());
  EXPECT_THAT(limits(check_flows(flow("mail", "bank", "email: token, ip: token")), "mail"),
              ElementsAre("test-law/identifiers/Russia"));
  const Checked linked = check_flows(flow("mail", "bank", "email: token") + flow("net", "bank", "ip: token"));
  EXPECT_THAT(limits(linked, "mail"), ElementsAre("test-law/identifiers/Russia"));
  EXPECT_THAT(limits(linked, "net"), ElementsAre("test-law/identifiers/Russia"));
  EXPECT_THAT(limits(check_flows(flow("mail", "bank", "email: token, ill: token")), "mail"),
              ElementsAre("test-law/health/Russia", "test-law/identifiers/Russia"));
}

TEST_F(UnderLaw, CoversByOwnershipInAggregate) {
  const std::string owned =
      "  lab: {role: recipient, country: US, owners: [{country: CN, share: 30 %}, {country: RU, share: ";
  const std::string flows = flow("care", "lab", "ill: token");
  EXPECT_THAT(limits(check_flows(flows, owned + "20 %}]}\n"), "care"), ElementsAre("test-law/health/to lab"));
  EXPECT_THAT(limits(check_flows(flows, owned + "19.9 %}]}\n"), "care"), IsEmpty());
}

TEST_F(UnderLaw, TellsDevicesApartByTheirFields) {
  const Checked profile = check_flows(flow("near", "bank", "spot: clear"));
  EXPECT_THAT(limits(profile, "near"), ElementsAre("test-law/place/Russia"));
  ASSERT_EQ(profile.plan->flows[0].devices.size(), 1u);
  const Collection& held = profile.plan->collections[0];
  ASSERT_EQ(profile.plan->flows[0].devices[0].fields.size(), 1u);
  EXPECT_EQ(held.fields[profile.plan->flows[0].devices[0].fields[0]].name, "phone-id");
  EXPECT_EQ(profile.plan->limits[0].counts, Limit::Counts::devices);
  EXPECT_THAT(check_flows(flow("near", "bank", "spot: place to 1 decimal")).plan->flows[0].devices, IsEmpty());
  // What is linked to it is counted under the same threshold, by subjects.
  const Checked linked = check_flows(flow("near", "bank", "spot: clear") + flow("care", "bank", "ill: token"));
  EXPECT_THAT(limits(linked, "care"), ElementsAre("test-law/health/Russia", "test-law/place/Russia"));
  EXPECT_THAT(linked.plan->flows[1].devices, IsEmpty());
}

TEST_F(UnderLaw, SaysWhichRuleIsBroken) {
  const Checked checked = check_flows(flow("all", "shop", "email: clear"), "");
  EXPECT_EQ(stands(checked, "faith"), "always");
  const auto without = check("under: [test-law@1]");
  EXPECT_EQ(without.plan, nullptr);
}

}  // namespace
}  // namespace holdfast::agreement
