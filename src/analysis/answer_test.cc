#include "analysis/answer.h"

#include <gmock/gmock.h>

#include "analysis/fixture_test.h"

namespace holdfast::analysis {
namespace {

using testing::HasSubstr;

Answer asked(const Reach& reach, std::string_view question) {
  auto answer = ask(reach, question);
  if (!answer) {
    ADD_FAILURE() << answer.error().text();
    return {};
  }
  return *answer;
}

std::string path_of(const Answer& answer) {
  std::string out;
  for (const auto& [line, text] : answer.path) out += std::to_string(line) + ": " + text + "\n";
  return out;
}

TEST(Ask, CanWithTheWayAndItsLine) {
  const Reach reach = reach_of(base_document());
  const Answer answer = asked(reach, "can maker learn user.contact?");
  EXPECT_TRUE(answer.yes);
  EXPECT_EQ(answer.sentence, "Yes: 'maker' can learn user.contact.email as token, by flow 'support'.");
  EXPECT_EQ(path_of(answer),
            "34: flow 'support' (line 31) gives profile.email as 'token' (line 34) to 'maker' (line 6)\n");
}

TEST(Ask, ACountryLearnsThroughItsParties) {
  const Reach reach = reach_of(base_document());
  const Answer answer = asked(reach, "can CN learn user.demographic");
  EXPECT_EQ(answer.sentence,
            "Yes: CN can learn user.demographic.date_of_birth as year, by flow 'support', through 'maker'.");
  EXPECT_THAT(path_of(answer), HasSubstr("6: 'maker' is in CN (line 6)"));
  EXPECT_FALSE(asked(reach, "can GB learn user").yes);
}

TEST(Ask, AFormAskedForIsTheLeast) {
  const Reach reach = reach_of(base_document());
  EXPECT_FALSE(asked(reach, "can maker learn user.contact as clear").yes);
  EXPECT_TRUE(asked(reach, "can maker learn user.contact as aggregate").yes);
  EXPECT_TRUE(asked(reach, "can maker learn user.demographic as year").yes);
  EXPECT_FALSE(asked(reach, "can maker learn user.demographic as month").yes);
  EXPECT_TRUE(asked(reach, "can maker learn user.demographic as generalised by support").yes);
  EXPECT_FALSE(asked(reach, "can maker learn user.demographic by report").yes);
}

TEST(Ask, WhyNotNamesTheRuleAndTheNearestForm) {
  const Reach reach = reach_of(base_document());
  const Answer answer = asked(reach, "why can maker not learn user.contact.email as clear?");
  EXPECT_FALSE(answer.yes);
  EXPECT_THAT(answer.sentence, HasSubstr("the nearest form that would be allowed is token"));
  EXPECT_THAT(path_of(answer), HasSubstr("51: the prohibition of user.contact to CN allows no more than token"));
  EXPECT_THAT(asked(reach, "why can watcher not learn user.contact").sentence, HasSubstr("No rule forbids it"));
  EXPECT_THAT(asked(reach, "why can watcher not learn user.name").sentence, HasSubstr("No collection has a field"));
}

TEST(Ask, WhoAndWhat) {
  const Reach reach = reach_of(base_document());
  // The keeper operates the desk, so it sees what the desk sees.
  EXPECT_EQ(asked(reach, "who can learn user.contact").sentence,
            "3 parties can learn user.contact: 'desk' (US) in the clear, 'keeper' (US) in the clear, 'maker' (CN) as "
            "token.");
  EXPECT_EQ(asked(reach, "what can maker learn").sentence,
            "'maker' can learn user.demographic.date_of_birth as year, user.contact.email as token, "
            "user.behavior.browsing_history as aggregate.");
  // A sealed module may write to its log what it reads, and overseers read that.
  EXPECT_EQ(asked(reach, "what can watcher learn").sentence,
            "'watcher' can learn user.behavior.browsing_history in the clear.");
  EXPECT_THAT(path_of(asked(reach, "can watcher learn user.behavior")),
              HasSubstr("flow 'feed' (line 36) runs 'ranker', which may write visits.page (line 40) to its log in the "
                        "clear, and that is read by 'watcher'"));
  EXPECT_FALSE(asked(reach, "who can learn user.name").yes);
}

TEST(Ask, ASealedModuleMayPutOutAllThatItReads) {
  const Reach reach = reach_of(base_document({{"to: subject via desk", "to: subject via maker"}}));
  EXPECT_THAT(asked(reach, "why can maker learn user.behavior as clear").sentence, HasSubstr("by flow 'feed'"));
}

TEST(Ask, AProductCarriesAllThatItWasMadeOf) {
  const Reach reach = reach_of(product_document());
  const Answer answer = asked(reach, "can CN learn user.demographic as clear");
  EXPECT_EQ(answer.sentence,
            "Yes: CN can learn user.demographic.date_of_birth in the clear, by flow 'feed', through 'maker'.");
  EXPECT_THAT(path_of(answer),
              HasSubstr("flow 'feed' (line 36) runs 'ranker' with 'model', for which flow 'train' (line "
                        "43) reads profile.birthdate of all subjects (line 46), and so may put it out"));
  // The job itself gives nobody anything but its log.
  EXPECT_THAT(asked(reach, "who can learn user by train").sentence, HasSubstr("One party can learn user by"));
  EXPECT_THAT(asked(reach, "who can learn user by train").sentence, HasSubstr("'watcher' (US) in the clear"));
  EXPECT_FALSE(asked(reach, "what if train were removed").yes);
}

TEST(Ask, OnwardSharingWithItsSteps) {
  const Reach reach =
      reach_of(base_document({{"operated-by: keeper}",
                               "operated-by: keeper, shares-with: partner}\n  partner: {role: recipient, country: CA, "
                               "shares-with: [desk]}"}}));
  const Answer answer = asked(reach, "can CA learn user.contact as clear");
  EXPECT_TRUE(answer.yes);
  EXPECT_THAT(path_of(answer), HasSubstr("9: 'desk' may pass it on to 'partner' (line 9)"));
}

TEST(Ask, WhatIfAFlowWereRemoved) {
  const Reach reach = reach_of(base_document());
  EXPECT_EQ(asked(reach, "what if support were removed").sentence,
            "Without flow 'support' (line 31) 2 ways would close or narrow.");
  // What the desk gets by 'account' its subjects' exports bring it too, but for another use.
  EXPECT_TRUE(asked(reach, "what if account were removed").yes);
}

TEST(Ask, SaysWhereAQuestionStopsMakingSense) {
  const Reach reach = reach_of(base_document());
  const auto error = [&](std::string_view question) {
    const auto answer = ask(reach, question);
    return answer ? "" : std::string(answer.error().slug) + ": " + answer.error().what;
  };
  EXPECT_THAT(error("cna maker learn user"),
              HasSubstr("word 1: expected 'can', 'who', 'what' or 'why', found 'cna'; did you mean 'can'"));
  EXPECT_THAT(error("can maker laern user"), HasSubstr("word 3: expected 'learn', found 'laern'; did you mean"));
  EXPECT_THAT(error("can maker learn"), HasSubstr("the question ends where a category"));
  EXPECT_THAT(error("can mkaer learn user"), HasSubstr("analysis.party.unknown: 'mkaer' is neither a party"));
  EXPECT_THAT(error("can mkaer learn user"), HasSubstr("did you mean 'maker'"));
  EXPECT_THAT(error("can maker learn user.contcat"), HasSubstr("did you mean 'user.contact'"));
  EXPECT_THAT(error("can maker learn user as tokn"), HasSubstr("did you mean 'token'"));
  EXPECT_THAT(error("can maker learn user by suport"), HasSubstr("did you mean 'support'"));
  EXPECT_THAT(error("can maker learn user now"), HasSubstr("word 5: expected 'as', 'by' or the end"));
  EXPECT_THAT(error("can m\xd0\xb0ker learn user"), HasSubstr("plain letters"));
  EXPECT_THAT(error(""), HasSubstr("the question ends"));
}

}  // namespace
}  // namespace holdfast::analysis
