#include "disclosure/aggregate.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <map>

#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

using agreement::FieldType;
namespace json = boost::json;

/// views {video: text, watched: duration, price: decimal, stars: integer}, added up.
struct Sums {
  agreement::Plan plan;

  explicit Sums(bool by_video, std::uint32_t contributions, double epsilon = 20) {
    agreement::Collection views;
    views.name = "views";
    views.tag = 7;
    const std::pair<const char*, FieldType> fields[] = {{"video", FieldType::text},
                                                        {"watched", FieldType::duration},
                                                        {"price", FieldType::decimal},
                                                        {"stars", FieldType::integer}};
    for (const auto& [name, type] : fields) {
      agreement::Field field;
      field.name = name;
      field.type = type;
      field.tag = 10 + static_cast<std::uint32_t>(views.fields.size());
      views.fields.push_back(field);
    }
    plan.collections.push_back(views);
    agreement::Flow flow;
    flow.kind = agreement::Flow::Kind::aggregate;
    flow.reads.push_back({0, {0, 1, 2, 3}, 1});
    agreement::Aggregate& what = flow.aggregate.emplace();
    if (by_video) what.by = {0};
    what.measures = {{"views", {}, 0, 1, 0, "count"},
                     {"time", 1, 0, 600'000, 3, "sum of watched within 0s..600s"},
                     {"paid", 2, 0, 10'000, 3, "sum of price within 0..10"},
                     {"stars", 3, 0, 5, 0, "sum of stars within 0..5"}};
    what.epsilon_micro = static_cast<std::uint64_t>(epsilon * 1e6);
    what.delta = 1e-6;
    what.contributions = contributions;
    plan.flows.push_back(flow);
  }
  const agreement::Flow& flow() const { return plan.flows.front(); }
};

/// In the order of fields(): video if grouped, watched, price, stars.
std::vector<Bytes> record(bool by_video, const char* video, const char* watched, const char* price, const char* stars) {
  std::vector<Bytes> out;
  const auto add = [&](FieldType type, const char* text) {
    out.push_back(text ? value_from_text(type, text).value() : Bytes());
  };
  if (by_video) add(FieldType::text, video);
  add(FieldType::duration, watched);
  add(FieldType::decimal, price);
  add(FieldType::integer, stars);
  return out;
}

void add(Aggregator& sums, const std::vector<Bytes>& record, int times = 1) {
  const std::vector<ByteView> values(record.begin(), record.end());
  for (int i = 0; i < times; ++i) sums.add(values);
}

json::object told(Aggregator& sums) { return json::parse(sums.finish().json).get_object(); }
double number(const json::object& from, const char* name) { return from.at(name).to_number<double>(); }

TEST(Aggregate, OneTotalIsToldEvenOfNobody) {
  const Sums what(false, 1);
  Aggregator sums(what.plan, what.flow());
  const json::object table = told(sums);
  ASSERT_EQ(table.at("groups").get_array().size(), 1u);
  EXPECT_FALSE(table.contains("hidden_below"));
  const json::object& total = table.at("groups").get_array()[0].get_object();
  EXPECT_NEAR(number(total, "views"), 0, 20 * number(table.at("noise").get_object(), "views") + 2);
}

TEST(Aggregate, SumsAreRightButForTheNoiseThatItTells) {
  const Sums what(false, 3);
  Aggregator sums(what.plan, what.flow());
  for (int subject = 0; subject < 20'000; ++subject) {
    sums.begin_subject();
    add(sums, record(false, nullptr, "30s", "1.5", "2"));
    add(sums, record(false, nullptr, "1000s", "12.3456", "9"));  // beyond the bounds
    add(sums, record(false, nullptr, nullptr, nullptr, nullptr));
    ASSERT_TRUE(sums.end_subject());
  }
  const json::object table = told(sums);
  const json::object& total = table.at("groups").get_array()[0].get_object();
  const json::object& noise = table.at("noise").get_object();
  const std::pair<const char*, double> expected[] = {
      {"views", 60'000}, {"time", 20'000 * 630.0}, {"paid", 20'000 * 11.5}, {"stars", 20'000 * 7.0}};
  for (const auto& [name, right] : expected) {
    EXPECT_NEAR(number(total, name), right, 20 * number(noise, name)) << name;
    EXPECT_LT(20 * number(noise, name), right / 10) << name;
  }
  // b = 3 records at a quarter of epsilon 20
  const double ratio = std::exp(-5.0 / 3);
  EXPECT_NEAR(number(noise, "views"), std::sqrt(2 * ratio) / (1 - ratio), 0.001);
}

TEST(Aggregate, OfASubjectNoMoreRecordsCountThanAgreed) {
  const Sums what(false, 5);
  Aggregator sums(what.plan, what.flow());
  for (int subject = 0; subject < 200; ++subject) {
    sums.begin_subject();
    add(sums, record(false, nullptr, "1s", "1", "1"), 1000);
    ASSERT_TRUE(sums.end_subject());
  }
  const json::object table = told(sums);
  EXPECT_NEAR(number(table.at("groups").get_array()[0].get_object(), "views"), 1000, 40);
}

/// Each of a subject's records has the same chance to be among those that count.
TEST(Aggregate, WhichRecordsCountIsLeftToChance) {
  const Sums what(true, 2);
  Aggregator sums(what.plan, what.flow());
  for (int subject = 0; subject < 20'000; ++subject) {
    sums.begin_subject();
    for (const char* video : {"a", "b", "c", "d", "e"}) add(sums, record(true, video, "1s", "1", "1"));
    ASSERT_TRUE(sums.end_subject());
  }
  const json::object table = told(sums);
  const json::array& groups = table.at("groups").get_array();
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].get_object().at("video"), "a");
  EXPECT_EQ(groups[4].get_object().at("video"), "e");
  for (const json::value& group : groups) EXPECT_NEAR(number(group.get_object(), "views"), 8000, 450);
}

TEST(Aggregate, AGroupOfFewIsNotToldOf) {
  const Sums what(true, 2);
  const auto rare_is_told = [&](int subjects) {
    Aggregator sums(what.plan, what.flow());
    for (int subject = 0; subject < 1000; ++subject) {
      sums.begin_subject();
      add(sums, record(true, "often", "1s", "1", "1"));
      if (subject < subjects) add(sums, record(true, "rare", "1s", "1", "1"));
      EXPECT_TRUE(sums.end_subject());
    }
    const json::object table = told(sums);
    // ln(2 / 1e-6) * 2 records at a fifth of epsilon 20
    EXPECT_EQ(number(table, "hidden_below"), std::ceil(std::log(2e6) * 2 / 4) + 1);
    const json::array& groups = table.at("groups").get_array();
    EXPECT_GE(groups.size(), 1u);
    EXPECT_EQ(groups[0].get_object().at("video"), "often");
    return groups.size() == 2;
  };
  EXPECT_FALSE(rare_is_told(1));
  EXPECT_FALSE(rare_is_told(0));
  EXPECT_TRUE(rare_is_told(200));
  // A subject with many records in it is still one subject.
  Aggregator sums(what.plan, what.flow());
  sums.begin_subject();
  add(sums, record(true, "mine", "1s", "1", "1"), 5000);
  ASSERT_TRUE(sums.end_subject());
  EXPECT_TRUE(told(sums).at("groups").get_array().empty());
}

/// What one subject's presence changes in how often a group is told of is within what epsilon and delta allow.
TEST(Aggregate, OneSubjectChangesLittle) {
  const Sums what(true, 1, 5);  // a fifth of it, 1, for which groups are told of
  const auto times_told = [&](int subjects) {
    int out = 0;
    for (int run = 0; run < 4000; ++run) {
      Aggregator sums(what.plan, what.flow());
      for (int subject = 0; subject < subjects; ++subject) {
        sums.begin_subject();
        add(sums, record(true, "v", "1s", "1", "1"));
        EXPECT_TRUE(sums.end_subject());
      }
      out += sums.finish().groups == 1;
    }
    return out / 4000.0;
  };
  const double with = times_told(15), without = times_told(14);  // hidden below 15
  EXPECT_GT(with, without);
  EXPECT_LT(with, without * std::exp(1.0) + 0.08);
  EXPECT_GT(with, 0.5);
}

TEST(Aggregate, WhatAnEarlierAgreementStoredIsTakenForNothing) {
  const Sums what(true, 2);
  Aggregator sums(what.plan, what.flow());
  std::vector<Bytes> odd = record(true, "v", "1s", "1", "1");
  std::swap(odd[0], odd[3]);  // an integer where the video stands, a text for the stars
  for (int subject = 0; subject < 1000; ++subject) {
    sums.begin_subject();
    add(sums, odd);
    ASSERT_TRUE(sums.end_subject());
  }
  const json::object table = told(sums);
  ASSERT_EQ(table.at("groups").get_array().size(), 1u);
  EXPECT_TRUE(table.at("groups").get_array()[0].get_object().at("video").is_null());
  EXPECT_NEAR(number(table.at("groups").get_array()[0].get_object(), "stars"), 0, 200);
}

TEST(Aggregate, ASubjectBegunAnewLeavesNothing) {
  const Sums what(false, 2);
  Aggregator sums(what.plan, what.flow());
  sums.begin_subject();
  add(sums, record(false, nullptr, "600s", "10", "5"), 1000);
  sums.begin_subject();  // it was erased meanwhile
  ASSERT_TRUE(sums.end_subject());
  EXPECT_NEAR(number(told(sums).at("groups").get_array()[0].get_object(), "views"), 0, 40);
}

TEST(Aggregate, MoreGroupsThanItCanTellOfAreAnError) {
  const Sums what(true, 1'000'000);
  Aggregator sums(what.plan, what.flow());
  sums.begin_subject();
  for (std::size_t i = 0; i <= Aggregator::kGroupsMax; ++i)
    add(sums, record(true, std::to_string(i).c_str(), nullptr, nullptr, nullptr));
  EXPECT_TRUE(sums.end_subject());
  sums.begin_subject();
  add(sums, record(true, "one more", nullptr, nullptr, nullptr));
  const auto ended = sums.end_subject();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().slug, "aggregate.groups");
}

}  // namespace
}  // namespace holdfast::disclosure
