#include "evidence/formats/entry.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "base/hash.h"
#include "evidence/formats/canonical.h"
#include "evidence/formats/tile.h"

namespace holdfast::evidence {
namespace {

const Hash kDigest = sha256("x");
const Pseudonym kSubject = *Pseudonym::from("0123456789abcdef");

const ModuleRun kRun{
    .module = kDigest, .product = {}, .seed = *RunSeed::from("0123456789abcdef"), .started = 1'795'473'720'000};

Entry entry_of(Event event) {
  return {.at = 1'795'473'720'007, .agreement = 3, .party = "bytedance", .event = std::move(event)};
}

const std::vector<Event>& one_of_each() {
  static const std::vector<Event> events = {
      AgreementAdopted{.document = kDigest, .name = "shortvideo", .version = 3, .signed_by = {"a+0+b", "c+1+d"}},
      ServerStarted{.binary = kDigest, .software = "holdfast 0.1.0"},
      Deposited{.collection = "profile", .subject = kSubject, .records = 1, .subjects = 1, .digest = kDigest},
      Deposited{.collection = "views", .subject = {}, .records = 5000, .subjects = 40, .digest = kDigest},
      Released{.flow = "support",
               .to = "bytedance",
               .subject = kSubject,
               .gives = R"({"profile":{"born":"year","email":"token"}})",
               .records = 1,
               .digest = kDigest,
               .size_bytes = 182},
      Refused{.operation = "disclose", .flow = "", .reason = "agreement.flow.unknown", .count = 2},
      SubjectExported{.subject = kSubject, .digest = kDigest, .size_bytes = 9000},
      SubjectRestricted{kSubject},
      SubjectUnrestricted{kSubject},
      ErasureAsked{kSubject},
      ErasureDone{kSubject},
      RetentionSwept{.collection = "views", .records = 10, .subjects = 4},
      RootKeyRotated{.from = "k1", .to = "k2", .subjects = 3000},
      BackupTaken{.size = 77},
      ModuleSubmitted{
          .module = "feed-ranker", .version = 2, .hash = kDigest, .statement = kDigest, .size_bytes = 80'000},
      ModuleShown{kDigest},
      ModuleReleased{.module = "feed-ranker",
                     .version = 2,
                     .hash = kDigest,
                     .statement = kDigest,
                     .signed_by = {"a+0+b", "c+1+d"}},
      ModuleWithdrawn{.module = "feed-ranker", .hash = kDigest},
      Released{.flow = "nearby",
               .to = "bytedance",
               .subject = kSubject,
               .gives = R"({"places":{"spot":"place to 2 decimals"}})",
               .records = 2,
               .digest = kDigest,
               .size_bytes = 90,
               .devices = std::vector<Pseudonym>{kSubject, *Pseudonym::from("1123456789abcdef")}},
      Released{.flow = "nearby",
               .to = "bytedance",
               .subject = kSubject,
               .gives = "{}",
               .records = 0,
               .digest = kDigest,
               .size_bytes = 2,
               .devices = std::vector<Pseudonym>{}},
      RunFailed{.flow = "feed", .subject = kSubject, .ending = "trapped", .records = 3, .run = kRun},
      ModuleLogRead{.module = "feed-ranker", .digest = kDigest, .size_bytes = 40},
      JobStarted{.flow = "train", .gives = R"({"views":{"video":"read"}})", .run = kRun},
      JobFinished{.started = 71,
                  .product = "model",
                  .digest = kDigest,
                  .subjects = 3000,
                  .records = 2'000'000,
                  .size_bytes = 1'500'000},
      JobFailed{.started = 71, .reason = "sealed.worker.died"},
      JobCancelled{.started = 71},
      AggregateReleased{.flow = "weekly-report",
                        .to = "bytedance",
                        .gives = R"({"views":{"video":"aggregate"}})",
                        .groups = 12,
                        .digest = kDigest,
                        .size_bytes = 900,
                        .spent = PrivacySpent{.delta = "1e-9", .epsilon = "1"}},
      AggregateReleased{.flow = "weekly-report",
                        .to = "bytedance",
                        .gives = R"({"views":{"video":"aggregate"}})",
                        .groups = 12,
                        .digest = kDigest,
                        .size_bytes = 900}};
  return events;
}

TEST(Entry, IsReadableAndExact) {
  EXPECT_EQ(entry_of(one_of_each()[4]).encode(),
            R"({"agreement":3,"at":"2026-11-23T22:42:00.007Z","digest":"LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE",)"
            R"("flow":"support","gives":{"profile":{"born":"year","email":"token"}},"kind":"released",)"
            R"("party":"bytedance","records":1,"size":182,"subject":"MDEyMzQ1Njc4OWFiY2RlZg","to":"bytedance"})");
  EXPECT_EQ(entry_of(one_of_each()[9]).encode(),
            R"({"agreement":3,"at":"2026-11-23T22:42:00.007Z","kind":"erasure.asked","party":"bytedance",)"
            R"("subject":"MDEyMzQ1Njc4OWFiY2RlZg"})");
}

TEST(Entry, DevicesAreNamedWhereTheyAreCounted) {
  EXPECT_NE(entry_of(one_of_each()[18])
                .encode()
                .find(R"(Z","devices":["MDEyMzQ1Njc4OWFiY2RlZg","MTEyMzQ1Njc4OWFiY2RlZg"],"digest":)"),
            std::string::npos);
  EXPECT_NE(entry_of(one_of_each()[19]).encode().find(R"(Z","devices":[],"digest":)"), std::string::npos);
  const auto none = Entry::decode(entry_of(one_of_each()[19]).encode());
  EXPECT_TRUE(std::get<Released>(none->event).devices.has_value());
  EXPECT_FALSE(std::get<Released>(Entry::decode(entry_of(one_of_each()[4]).encode())->event).devices.has_value());
}

TEST(Entry, ARunIsAnObjectOfItsOwn) {
  Entry entry = entry_of(one_of_each()[4]);
  auto& released = std::get<Released>(entry.event);
  released.run = kRun;
  const std::string run = R"("run":{"module":"LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE","seed":")"
                          R"(MDEyMzQ1Njc4OWFiY2RlZg","started":"2026-11-23T22:42:00.000Z"})";
  const std::string text = entry.encode();
  EXPECT_NE(text.find(R"("records":1,)" + run + R"(,"size":182)"), std::string::npos) << text;
  const auto again = Entry::decode(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->encode(), text);
  released.run->product = 7;
  const auto with_product = Entry::decode(entry.encode());
  ASSERT_TRUE(with_product);
  EXPECT_EQ(std::get<Released>(with_product->event).run->product, 7u);
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{run, R"("run":{})"},
                                                                                 {run, R"("run":null)"},
                                                                                 {"000Z\"}", "000Z\""},
                                                                                 {"000Z\"}", "000Z\",\"x\":1}"},
                                                                                 {"\"seed\"", "\"sEed\""},
                                                                                 {"\"run\":{", "\"run\":{{"}}) {
    std::string other = text;
    ASSERT_NE(other.find(from), std::string::npos) << from;
    other.replace(other.find(from), from.size(), to);
    EXPECT_FALSE(Entry::decode(other)) << other;
  }
}

TEST(Entry, EveryKindComesBackAndIsJsonWithSortedMembers) {
  std::vector<std::string> kinds;
  for (const Event& event : one_of_each()) {
    const Entry entry = entry_of(event);
    const std::string text = entry.encode();
    const auto again = Entry::decode(text);
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(again->encode(), text);
    EXPECT_EQ(again->kind(), entry.kind());
    EXPECT_EQ(again->at, entry.at);
    const boost::json::object json = boost::json::parse(text).as_object();
    EXPECT_EQ(json.at("kind").as_string(), entry.kind());
    EXPECT_TRUE(std::ranges::is_sorted(json, {}, [](const auto& member) { return member.key(); })) << text;
    EXPECT_EQ(boost::json::serialize(json), text);
    kinds.emplace_back(entry.kind());
  }
  std::ranges::sort(kinds);
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>) << "a kind has no example here";
}

TEST(Entry, NoOtherSpellingIsTaken) {
  const std::string good = entry_of(one_of_each()[4]).encode();
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string out = good;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  ASSERT_TRUE(Entry::decode(good));
  for (const std::string& text : {std::string(),
                                  std::string("{}"),
                                  std::string("null"),
                                  good + "\n",
                                  " " + good,
                                  replaced("{\"a", "{ \"a"),
                                  replaced(":3,", ":03,"),
                                  replaced(":3,", ":3.0,"),
                                  replaced(":3,", ":-3,"),
                                  replaced(":3,", ":3e0,"),
                                  replaced(":3,", ":4294967296,"),
                                  replaced(":182,", ":9007199254740992,"),
                                  replaced(":182,", ":\"182\","),
                                  replaced("22:42", "24:42"),
                                  replaced("2026-11", "2026-13"),
                                  replaced("11-23", "11-31"),
                                  replaced(".007Z", "Z"),
                                  replaced("007Z", "007+00:00"),
                                  replaced("T22", " 22"),
                                  replaced("2026", "0000"),
                                  replaced("SIE", "SIF"),
                                  replaced("SIE", "SIE="),
                                  replaced("-6wy", "+6wy"),
                                  replaced("-6wy", "6wy"),
                                  replaced("support", "sup\\u0070ort"),
                                  replaced("support", "sup\tport"),
                                  replaced("support", "sup\\/port"),
                                  replaced("support", "sup\xff"),
                                  replaced("support", "sup\\u001Fport"),
                                  replaced("support", "\\ud800"),
                                  replaced("\"released\"", "\"refused\""),
                                  replaced("\"released\"", "\"unknown\""),
                                  replaced("\"records\":1,", ""),
                                  replaced("\"size\"", "\"sizes\""),
                                  replaced("\"to\":", "\"tp\":"),
                                  replaced("\"records\":1,", "\"records\":1,\"records\":1,"),
                                  replaced("\"size\":182", "\"size\":182,\"soul\":1"),
                                  replaced("}}", "},\"a\":{}}"),
                                  replaced("}}", "} }"),
                                  replaced("\"born\":\"year\"", "\"fern\":\"year\""),
                                  replaced("\"born\":\"year\"", "\"born\":null"),
                                  replaced("\"born\":\"year\"", "\"born\":-1"),
                                  replaced("{\"profile\":{\"born\":\"year\",\"email\":\"token\"}}", "[]"),
                                  replaced("\"agreement\":3,\"at\":\"2026-11-23T22:42:00.007Z\"",
                                           "\"at\":\"2026-11-23T22:42:00.007Z\",\"agreement\":3")}) {
    const auto entry = Entry::decode(text);
    EXPECT_FALSE(entry) << text;
    if (!entry) {
      EXPECT_EQ(entry.error().code, Code::corrupt);
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(Entry::decode(good.substr(0, size)));
}

TEST(Entry, TheKindIsTheEntrysOwnWhateverItsValuesSay) {
  Entry entry = entry_of(one_of_each()[4]);
  std::get<Released>(entry.event).gives = R"({"kind":{"a":"b","kind":"clear"}})";
  entry.party = R"(,"kind":"refused")";
  const std::string text = entry.encode();
  const auto again = Entry::decode(text);
  ASSERT_TRUE(again) << text;
  EXPECT_EQ(again->kind(), "released");
  EXPECT_EQ(again->party, entry.party);
}

TEST(Entry, WhatHasNoSpellingIsRefusedAndLeavesTheBufferAlone) {
  const auto refused = [](Entry entry) {
    Bytes out = "before";
    const auto result = entry.encode_to(out);
    EXPECT_EQ(out, "before");
    return result ? std::string_view("taken") : result.error().slug;
  };
  Entry entry = entry_of(one_of_each()[4]);
  auto& released = std::get<Released>(entry.event);
  for (const char* gives : {"", "x", "[]", "{} ", R"({"b":1,"a":2})", R"({"a":1,"a":2})", R"({"a":true})"}) {
    released.gives = gives;
    EXPECT_EQ(refused(entry), "evidence.entry.value") << gives;
  }
  released.gives = "{}";
  ASSERT_TRUE(Entry::decode(entry.encode()));
  released.records = kJsonIntegerMax;
  ASSERT_TRUE(Entry::decode(entry.encode()));
  released.records = kJsonIntegerMax + 1;
  EXPECT_EQ(refused(entry), "evidence.entry.value");
  released.records = 1;
  entry.party = "\xc3";
  EXPECT_EQ(refused(entry), "evidence.entry.value");
  entry.party = std::string(kEntryBytesMax, 'p');
  EXPECT_EQ(refused(entry), "evidence.entry.large");
  entry.party = "p";
  entry.at = 253'402'300'800'000;  // the year 10000
  EXPECT_EQ(refused(entry), "evidence.entry.value");
  entry.at = -62'135'596'800'000;  // the first moment of the year 1
  EXPECT_EQ(Entry::decode(entry.encode())->at, entry.at);
  entry.at -= 1;
  EXPECT_EQ(refused(entry), "evidence.entry.value");
}

TEST(CanonicalJson, SortsByUtf16AndBoundsItsDepth) {
  EXPECT_TRUE(is_canonical_object("{}"));
  EXPECT_TRUE(is_canonical_object(R"({"":[],"a":[1,"x",{"b":0}],"aa":9007199254740991})"));
  // U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB33, though its UTF-8 comes after.
  EXPECT_TRUE(is_canonical_object("{\"\u20ac\":1,\"\U0001f600\":2,\"\ufb33\":3}"));
  EXPECT_FALSE(is_canonical_object("{\"\u20ac\":1,\"\ufb33\":3,\"\U0001f600\":2}"));
  EXPECT_FALSE(is_canonical_object(R"({"a":1,})"));
  EXPECT_FALSE(is_canonical_object(R"({"a":[1,]})"));
  EXPECT_FALSE(is_canonical_object(R"({,"a":1})"));
  std::string deep = "{}";
  for (int level = 1; level <= 16; ++level) deep = "{\"a\":" + deep + "}";
  EXPECT_TRUE(is_canonical_object(deep));
  EXPECT_FALSE(is_canonical_object("{\"a\":" + deep + "}"));
  EXPECT_FALSE(is_canonical_object(std::string(1'000'000, '[')));
}

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> pieces = {
      "a",    "\"",   "\\", "\n", "\t",         "\b",           "\f", "\r", std::string(1, '\0'),
      "\x1f", "\x7f", "é",  "漢", "\U0001f600", ",\"kind\":\"", "{",  "}",  "/"};
  std::string out;
  for (std::uint64_t i = random() % 12; i > 0; --i) out += pieces[random() % pieces.size()];
  return out;
}

TEST(Entry, RandomEntriesComeBackAndReadTheSameByAnotherParser) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5000; ++i) {
    Entry entry{.at = static_cast<UnixMillis>(random() % 4'000'000'000'000),
                .agreement = static_cast<std::uint32_t>(random()),
                .party = random_text(random),
                .event = {}};
    if (i % 2 == 0) {
      entry.event = Refused{random_text(random), random_text(random), random_text(random), random() >> 11};
    } else {
      entry.event = AgreementAdopted{kDigest, random_text(random), 1, {random_text(random), random_text(random)}};
    }
    const std::string text = entry.encode();
    const auto again = Entry::decode(text);
    ASSERT_TRUE(again) << text;
    ASSERT_EQ(again->encode(), text);
    ASSERT_EQ(again->party, entry.party);
    const boost::json::value json = boost::json::parse(text);
    ASSERT_EQ(std::string_view(json.at("party").as_string()), entry.party);
    ASSERT_EQ(from_rfc3339(std::string_view(json.at("at").as_string())).value(), entry.at);
    ASSERT_EQ(to_rfc3339(entry.at), std::string_view(json.at("at").as_string()));
  }
}

TEST(Entry, DamagedTextIsRefusedOrMeansWhatItSays) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 50'000; ++i) {
    std::string text = entry_of(one_of_each()[random() % one_of_each().size()]).encode();
    const std::size_t at = random() % text.size();
    switch (random() % 3) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 3);
        break;
      default:
        text.insert(at, 1, "\"\\{},:0a"[random() % 8]);
        break;
    }
    if (const auto entry = Entry::decode(text)) {
      ASSERT_EQ(entry->encode(), text);
    }
  }
}

}  // namespace
}  // namespace holdfast::evidence
