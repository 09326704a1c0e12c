#include "report/report.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "report/year_test.h"

namespace holdfast::report {
namespace {

using testing::ElementsAre;
using verify::LogBuilder;

const Flow* find_flow(const Report& report, std::string_view figure) {
  for (const Flow& flow : report.flows) {
    if (flow.trace.figure == figure) return &flow;
  }
  return nullptr;
}

std::vector<std::uint64_t> indexes(const Entries& entries) {
  std::vector<std::uint64_t> out;
  entries.each_run([&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) out.push_back(i);
    return true;
  });
  return out;
}

TEST(Entries, KeepsRunsAndGaps) {
  Entries entries;
  EXPECT_EQ(entries.text(5), "");
  EXPECT_EQ(entries.runs(), 0u);
  for (const std::uint64_t i : {0, 3, 4, 5, 300, 301, 1'000'000}) entries.add(i);
  EXPECT_THAT(indexes(entries), ElementsAre(0, 3, 4, 5, 300, 301, 1'000'000));
  EXPECT_EQ(entries.count(), 7u);
  EXPECT_EQ(entries.first(), 0u);
  EXPECT_EQ(entries.last(), 1'000'000u);
  EXPECT_EQ(entries.text(4), "0, 3–5, 300–301, 1000000");
  EXPECT_EQ(entries.text(2), "0, 3–5 and 2 more runs");
}

TEST(SubjectSet, CountsDistinctOnes) {
  SubjectSet some, others;
  for (const std::uint32_t i : {0u, 1u, 64u, 1u, 5000u}) some.add(i);
  for (const std::uint32_t i : {1u, 2u, 100'000u}) others.add(i);
  EXPECT_EQ(some.count(), 4u);
  some.add(others);
  EXPECT_EQ(some.count(), 6u);
}

TEST(Report, CountsWhatTheEvidenceSays) {
  Year year;
  const auto report = make(year.options());
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->evidence.verdict, verify::Verdict::good) << report->evidence.findings.front().text;
  EXPECT_EQ(report->entries, year.log.entries.size());
  // Against a count of the entries by hand.
  std::uint64_t releases = 0, records = 0;
  std::set<Pseudonym> subjects;
  std::vector<std::uint64_t> at;
  for (std::size_t i = 0; i < year.log.entries.size(); ++i) {
    const auto entry = *evidence::Entry::decode(year.log.entries[i]);
    const auto* released = std::get_if<evidence::Released>(&entry.event);
    if (!released || released->flow != "support" || entry.agreement != 2) continue;
    ++releases;
    records += released->records;
    subjects.insert(released->subject);
    at.push_back(i);
  }
  const Flow* flow = find_flow(*report, "flow:support@2");
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(flow->releases, releases);
  EXPECT_EQ(flow->records, records);
  EXPECT_EQ(flow->subjects.count(), subjects.size());
  EXPECT_EQ(indexes(flow->trace.entries), at);
  EXPECT_EQ(flow->use, "essential.service.operations.support");
  ASSERT_EQ(flow->items.size(), 1u);
  EXPECT_EQ(flow->items[0].category, "user.contact.email");
  EXPECT_EQ(flow->items[0].form, "token");
  ASSERT_EQ(report->recipients.size(), 2u);
  EXPECT_EQ(report->recipients[0].party.name, "acme");
  EXPECT_TRUE(report->recipients[0].abroad);
  EXPECT_FALSE(report->recipients[1].abroad);
  EXPECT_EQ(report->adoptions.size(), 2u);
  EXPECT_TRUE(report->adoptions[1].in_force);
  EXPECT_EQ(report->adoptions[1].signed_by.size(), 3u);
}

TEST(Report, CountsOneInTheSingular) {
  Year year(3);
  year.log.append("oak", evidence::RootKeyRotated{"a", "b", 1});
  year.log.append("oak", evidence::BackupTaken{1});
  year.log.write(year.dir / "log");
  const auto report = make(year.options());
  ASSERT_TRUE(report) << report.error().text();
  ASSERT_GE(report->upkeep.size(), 2u);
  EXPECT_EQ((report->upkeep.end() - 2)->text, "from a to b, the keys of 1 subject wrapped anew");
  EXPECT_EQ(report->upkeep.back().text, "of the log at 1 entry, and what it speaks of");
}

TEST(Report, TellsWhatWasDoneToModulesAndWhoSigned) {
  Year year;
  year.log.submit(1);
  year.log.append("acme", year.log.release(1));  // not shown yet
  year.log.show();
  year.log.append("acme", year.log.release(1));
  year.log.append("treasury", evidence::ModuleWithdrawn{"ranker", verify::LogBuilder::ranker()});
  year.log.write(year.dir / "log");
  const auto report = make(year.options());
  ASSERT_TRUE(report) << report.error().text();
  ASSERT_EQ(report->modules.size(), 5u);
  EXPECT_EQ(report->modules[0].kind, "module.submitted");
  EXPECT_FALSE(report->modules[1].right);
  EXPECT_EQ(report->modules[2].party, "treasury");
  EXPECT_EQ(report->modules[2].module, "ranker");
  EXPECT_TRUE(report->modules[3].right);
  EXPECT_EQ(report->modules[3].version, 1u);
  EXPECT_EQ(report->modules[3].signed_by.size(), 2u);
  EXPECT_EQ(report->modules[4].kind, "module.withdrawn");
  EXPECT_TRUE(report->modules[4].right);
  const std::string json = to_json(*report);
  EXPECT_NE(json.find(R"("kind":"module.released")"), std::string::npos);
  EXPECT_NE(json.find(R"("statement":)"), std::string::npos);
}

TEST(Report, HoldsToThePeriod) {
  Year year;
  Options options = year.options();
  options.period = {Year::kStart + 31 * Year::kDay, Year::kStart + 59 * Year::kDay};  // February
  const auto report = make(std::move(options));
  ASSERT_TRUE(report) << report.error().text();
  std::uint64_t entries = 0;
  for (const std::string& bytes : year.log.entries) {
    const auto at = evidence::Entry::decode(bytes)->at;
    entries += at >= Year::kStart + 31 * Year::kDay && at < Year::kStart + 59 * Year::kDay;
  }
  EXPECT_EQ(report->entries, entries);
  EXPECT_EQ(find_flow(*report, "flow:support@2"), nullptr);
  EXPECT_EQ(find_flow(*report, "flow:account@1")->releases, 28u * 6);
  ASSERT_EQ(report->adoptions.size(), 1u);  // the one in force when it began
  EXPECT_FALSE(report->adoptions[0].within);
  EXPECT_TRUE(report->upkeep.empty());
}

TEST(Report, KnowsAPeriodThatItSaysNothingOf) {
  Year year(3);
  const auto covers = [&year](UnixMillis from, UnixMillis until) {
    Options options = year.options();
    options.period = {from, until};
    const auto report = make(std::move(options));
    return std::pair(report->ends_before_period(), report->begins_after_period());
  };
  EXPECT_EQ(covers(Year::kStart + 400 * Year::kDay, Year::kStart + 430 * Year::kDay), std::pair(true, false));
  EXPECT_EQ(covers(Year::kStart - 400 * Year::kDay, Year::kStart - 370 * Year::kDay), std::pair(false, true));
  EXPECT_EQ(covers(Year::kStart - 400 * Year::kDay, Year::kStart + 430 * Year::kDay), std::pair(false, false));
}

TEST(Report, WhoeverPassesOnCopiesHasReceivedThem) {
  Year year(30);
  year.log.append("acme", evidence::SubjectExported{verify::LogBuilder::subject(1), sha256("export"), 100});
  year.log.append("acme", evidence::SubjectExported{verify::LogBuilder::subject(1), sha256("export"), 50});
  year.log.append("acme", evidence::SubjectExported{verify::LogBuilder::subject(2), sha256("export"), 50});
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->rights.passed_on.size(), 1u) << "what subjects asked for themselves is theirs";
  const PassedOn& acme = report->rights.passed_on[0];
  EXPECT_EQ(acme.party.name, "acme");
  EXPECT_TRUE(acme.abroad);
  EXPECT_EQ(acme.trace.entries.count(), 3u);
  EXPECT_EQ(acme.subjects.count(), 2u);
  EXPECT_EQ(acme.bytes, 200u);
}

TEST(Report, CountsReleasesOfEveryListedFlowHoweverManyThereAre) {
  Year year(1);
  for (unsigned i = 0; i < 17'000; ++i) {
    auto release = verify::LogBuilder::support(1);
    release.flow = "f" + std::to_string(i);
    year.log.append("acme", release);
  }
  year.log.append("acme", verify::LogBuilder::support(2));
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  const auto support = std::ranges::find(report->flows, "support", &Flow::name);
  ASSERT_NE(support, report->flows.end());
  EXPECT_EQ(support->last, year.log.now - 1) << "the table was full, and had it";
  EXPECT_GT(report->not_listed, 600u);
}

TEST(Report, TellsHowLongErasuresTook) {
  Year year;
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  const auto& erasures = report->rights.erasures;
  ASSERT_EQ(erasures.size(), 7u);  // on days 11, 36, 61 … 161
  EXPECT_EQ(erasures[0].done_at - erasures[0].asked_at, 401);
  EXPECT_EQ(erasures[1].done_at - erasures[1].asked_at, 72'000'001);
  EXPECT_FALSE(erasures[6].done_entry);
  const auto asked = evidence::Entry::decode(year.log.entries[erasures[1].asked_entry]);
  const auto done = evidence::Entry::decode(year.log.entries[*erasures[1].done_entry]);
  EXPECT_EQ(std::get<evidence::ErasureAsked>(asked->event).subject,
            std::get<evidence::ErasureDone>(done->event).subject);
}

TEST(Report, FollowsLimits) {
  Year year(3);
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->limits.size(), 2u);
  const LimitUse& daily = report->limits[0];
  EXPECT_EQ(daily.name, "flow:support");
  EXPECT_THAT(daily.flows, ElementsAre("support"));
  // Days 0, 1 and 2 release to 3, 4 and 7 subjects.
  std::vector<std::uint64_t> spent;
  for (const auto& [day, count] : daily.days.list()) spent.push_back(count);
  EXPECT_THAT(spent, ElementsAre(3, 4, 7));
  EXPECT_EQ(daily.highest, 7u);
  EXPECT_TRUE(report->limits[1].rolling);
}

TEST(Report, GroupsRefusals) {
  Year year;
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->refusals.size(), 2u);
  const Refusal& known = report->refusals[0];
  EXPECT_EQ(known.trace.figure, "refused:acme:disclose:account:release.recipient");
  EXPECT_THAT(known.party.countries, ElementsAre("CN"));
  EXPECT_THAT(known.categories, ElementsAre("user.contact.email"));
  std::uint64_t by_day = 0;
  for (const auto& [day, count] : known.days.list()) by_day += count;
  EXPECT_EQ(known.requests, by_day);
  EXPECT_GT(known.requests, known.trace.entries.count());
  EXPECT_EQ(report->refusals[1].party.role, "");  // nobody of the agreement
}

TEST(Report, HandsOverTheEntriesOfAFigure) {
  Year year(3);
  Options options = year.options();
  options.wanted = {"flow:support@1"};
  std::vector<std::uint64_t> handed;
  options.on_wanted = [&](std::uint64_t index, const evidence::Entry& entry) {
    EXPECT_EQ(entry.kind(), "released");
    handed.push_back(index);
  };
  const auto report = make(std::move(options));
  ASSERT_TRUE(report);
  EXPECT_EQ(handed, indexes(find_flow(*report, "flow:support@1")->trace.entries));
  options = year.options();
  options.wanted = {"flow:suport@1"};
  const auto unknown = make(std::move(options));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().slug, "report.figure.unknown");
}

TEST(Report, CountsWhatBreaksTheAgreementAndSaysSo) {
  Year year(3);
  auto wrong = LogBuilder::support(1);
  wrong.gives = R"({"profile":{"email":"clear"}})";
  year.log.append("acme", wrong);
  const auto report = make(year.options());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->evidence.verdict, verify::Verdict::violations);
  const Flow* flow = find_flow(*report, "flow:support@1#2");
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(flow->items[0].form, "clear");
  EXPECT_EQ(flow->releases, 1u);
}

TEST(Report, SaysNothingOfWhatIsNotOneLog) {
  Year year(3);
  Options options = year.options();
  verify::spit(year.dir / "log/checkpoint", year.log.checkpoint(year.log.entries.size(), year.log.operator_key));
  options.verify.log_key = year.log.log_key.verifier();
  const auto report = make(std::move(options));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->evidence.verdict, verify::Verdict::inconsistent);
  EXPECT_TRUE(report->flows.empty());
  EXPECT_EQ(report->entries, 0u);
}

TEST(Report, IsTheSameEveryTimeAndHoldsNoPseudonym) {
  Year year(40);
  const auto first = make(year.options()), second = make(year.options());
  ASSERT_TRUE(first && second);
  const std::string text = to_json(*first);
  EXPECT_EQ(text, to_json(*second));
  for (unsigned i = 0; i < 100; ++i) {
    const auto released = *evidence::Entry::decode(year.log.entries[3 + i]);
    if (const auto* event = std::get_if<evidence::Released>(&released.event)) {
      EXPECT_EQ(text.find(to_base64url(event->subject.view())), std::string::npos);
    }
  }
  const auto parsed = boost::json::parse(text).as_object();
  EXPECT_EQ(parsed.at("flows").as_array().size(), first->flows.size());
  EXPECT_EQ(parsed.at("evidence").as_object().at("verdict").as_string(), "good");
}

TEST(Report, EmptyPeriodIsAnError) {
  Year year(1);
  Options options = year.options();
  options.period = {10, 10};
  EXPECT_EQ(make(std::move(options)).error().slug, "report.period.empty");
}

}  // namespace
}  // namespace holdfast::report
