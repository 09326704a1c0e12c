#include "analysis/lint.h"

#include <gmock/gmock.h>

#include "analysis/budgets.h"
#include "analysis/fixture_test.h"

namespace holdfast::analysis {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string lint_of(const std::string& document) {
  std::string out;
  for (const auto& finding : lint(reach_of(document))) out += finding.text() + "\n";
  return out;
}

TEST(Lint, SaysWhatIsIdle) {
  const std::string base = lint_of(base_document());
  EXPECT_THAT(base, HasSubstr("18:1: profile.member (user.account) is kept and no flow uses it"));
  EXPECT_THAT(lint_of(base_document({{"birthdate: year", "birthdate: redacted"}, {"email: token", "email: redacted"}})),
              HasSubstr("analysis.flow.empty"));
  EXPECT_THAT(lint_of(base_document({{"200 subjects per day", "[200 subjects per day, 300 subjects per hour]"}})),
              HasSubstr("'300 subjects per hour' never binds, because '200 subjects per day' is reached before"));
  EXPECT_THAT(
      lint_of(base_document({{"at-most: 1000 subjects per 12 months", "at-most: 90000 subjects per 12 months"}})),
      HasSubstr("never binds: the limits of its flows let out"));
  EXPECT_THAT(lint_of(base_document({{"{country: CN}, unless", "{country: FR}, unless"}})),
              HasSubstr("nothing reaches whom it is about"));
}

TEST(Lint, AProductIsAUseIfSomethingRunsWithIt) {
  EXPECT_THAT(lint_of(product_document()), Not(HasSubstr("profile.member")));
  EXPECT_THAT(lint_of(product_document()), Not(HasSubstr("analysis.product.unread")));
  std::string unread = product_document();
  unread.replace(unread.find("    with: model\n"), 16, "");
  EXPECT_THAT(lint_of(unread), HasSubstr("flow 'train' makes 'model' of all subjects, and no flow runs with it"));
}

TEST(Lint, NamesWhatIdentifiesWhenPutTogether) {
  const std::string document = base_document(
      {{"      points: {type: integer, category: user.account}\n",
        "      points: {type: integer, category: user.account}\n"
        "      zip: {type: text, category: user.contact.address.postal_code}\n"
        "      sex: {type: text, category: user.demographic.gender}\n"},
       {"  feed:\n",
        "  offers:\n    to: maker\n    use: functional.service.improve\n    gives: {profile: {zip: first 3, "
        "sex: clear}}\n  feed:\n"},
       {"{never: user.contact, to: {country: CN}, unless: token}",
        "{never: user.contact, to: {country: CN}, unless: generalised}"}});
  EXPECT_THAT(lint_of(document), HasSubstr("at 'maker' birth date, postal code and sex come together"));
}

/// The base document with sums for a laboratory too.
std::string with_laboratory(const std::string& shares) {
  return base_document(
      {{"collections:\n", "  lab: {role: recipient, country: US" + shares + "}\ncollections:\n"},
       {"  feed:\n",
        "  ages:\n    to: lab\n    use: functional.service.improve\n    aggregate:\n      from: profile\n"
        "      by: []\n      measure: {points: sum of points within 0..9}\n"
        "      privacy: {epsilon: 0.25, delta: 1e-9, per: month, contributions: 1}\n  feed:\n"}});
}

TEST(Budgets, AddUpAtWhomTheyReach) {
  const auto told = [](const std::string& document) {
    std::string out;
    const Reach reach = reach_of(document);
    for (const Budgets& each : find_budgets(reach)) out += describe_budgets(reach, each) + "\n";
    return out;
  };
  EXPECT_EQ(
      told(base_document()),
      "over a year, sums tell 'maker' of any one subject at most epsilon 54 and delta 5.4e-08: epsilon 1 a week by "
      "flow 'report' (line 42)\n");
  const std::string lab =
      "over a year, sums tell 'lab' of any one subject at most epsilon 3 and delta 1.2e-08: epsilon 0.25 a month by "
      "flow 'ages' (line 37)\n";
  EXPECT_EQ(
      told(with_laboratory("")),
      "over a year, sums tell 'maker' of any one subject at most epsilon 54 and delta 5.4e-08: epsilon 1 a week by "
      "flow 'report' (line 51)\n" +
          lab);
  EXPECT_EQ(
      told(with_laboratory(", shares-with: maker")),
      "over a year, sums tell 'maker' of any one subject at most epsilon 57 and delta 6.6e-08: epsilon 0.25 a month "
      "by flow 'ages' (line 37), epsilon 1 a week by flow 'report' (line 51)\n" +
          lab);
}

TEST(Lint, NamesBudgetsThatComeTogether) {
  EXPECT_THAT(lint_of(with_laboratory(", shares-with: maker")),
              HasSubstr("51:1: over a year, sums tell 'maker' of any one subject at most epsilon 57"));
  EXPECT_THAT(lint_of(with_laboratory("")), Not(HasSubstr("over a year")));
}

}  // namespace
}  // namespace holdfast::analysis
