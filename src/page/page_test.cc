#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "base/hash.h"
#include "page/report_page.h"
#include "page/template.h"
#include "report/year_test.h"

namespace holdfast::page {
namespace {

using report::Year;

/// HOLDFAST_PAGES=folder keeps the pages of these tests, to be looked at.
void keep(const std::string& name, const std::string& page) {
  if (const char* folder = std::getenv("HOLDFAST_PAGES")) verify::spit(std::filesystem::path(folder) / name, page);
}

/// Not HasSubstr, which prints the whole page.
testing::AssertionResult holds(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos ? testing::AssertionSuccess()
                                              : testing::AssertionFailure() << "not in the page: " << text;
}

/// Parses as XML, loads nothing, runs nothing, and every link within leads somewhere.
void expect_sound(const std::string& page) {
  std::istringstream in(page.substr(page.find('\n') + 1));  // without the document type
  boost::property_tree::ptree tree;
  EXPECT_NO_THROW(boost::property_tree::read_xml(in, tree));
  std::string tags;
  const std::regex tag("<[^>]*>");
  for (std::sregex_iterator at(page.begin(), page.end(), tag), end; at != end; ++at) tags += at->str();
  for (const char* bad : {"<script", "javascript:", " src=", " onload", "style=", "href=\"http"}) {
    EXPECT_FALSE(holds(tags, bad)) << bad;
  }
  const std::size_t from = page.find("<style>") + 7;
  const std::string style = page.substr(from, page.find("</style>") - from);
  EXPECT_FALSE(holds(style, "url(") || holds(style, "@import"));
  EXPECT_TRUE(holds(page, "style-src 'sha256-" + to_base64(sha256(style).view()) + "'"));
  std::set<std::string> ids, links;
  const std::regex id(R"re( id="([^"]*)")re"), link(R"re(href="#([^"]*)")re");
  for (std::sregex_iterator at(page.begin(), page.end(), id), end; at != end; ++at) {
    EXPECT_TRUE(ids.insert((*at)[1]).second) << "twice: " << (*at)[1];
  }
  for (std::sregex_iterator at(page.begin(), page.end(), link), end; at != end; ++at) links.insert((*at)[1]);
  for (const std::string& each : links) EXPECT_TRUE(ids.contains(each)) << each;
}

TEST(Template, EscapesWhatItIsGiven) {
  EXPECT_EQ(fill("{{x}}|{{{y}}}", boost::json::object{{"x", "<a b=\"c\">&'\x01"}, {"y", "<br/>"}}),
            "&lt;a b=&quot;c&quot;&gt;&amp;&#39;?|<br/>");
}

TEST(Template, WritesNumbersAsPeopleReadThem) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(1234567), "1,234,567");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'234'567), "1.2 MB");
}

TEST(ReportPage, IsSoundAndTellsTheFigures) {
  Year year;
  const auto report = report::make(year.options());
  ASSERT_TRUE(report);
  const std::string page = report_page(*report);
  keep("report.html", page);
  expect_sound(page);
  EXPECT_TRUE(holds(page, "Verified."));
  EXPECT_TRUE(holds(page, "<h3>acme <span class=\"tag out\">▲ abroad: CN</span>"));
  EXPECT_TRUE(holds(page, number_text(report->recipients[0].releases)));
  EXPECT_TRUE(holds(page, "refused:stranger:disclose::auth.unknown"));
  EXPECT_TRUE(page == report_page(*report::make(year.options())));
}

TEST(ReportPage, ShowsAMonthByDays) {
  Year year(40);
  report::Options options = year.options();
  options.period = {Year::kStart + 5 * Year::kDay, Year::kStart + 30 * Year::kDay};
  const std::string page = report_page(*report::make(std::move(options)));
  keep("report-days.html", page);
  expect_sound(page);
  EXPECT_TRUE(holds(page, "2026-01-06"));
}

TEST(ReportPage, NamesWhatIsWrong) {
  Year year(5);
  auto wrong = verify::LogBuilder::support(1);
  wrong.flow = "<script>alert(1)</script>";
  wrong.gives = R"({"<b>":{"&":"<img src=x>"}})";
  year.log.append("acme", wrong);
  const std::string page = report_page(*report::make(year.options()));
  keep("report-wrong.html", page);
  expect_sound(page);
  EXPECT_TRUE(holds(page, "Not good: 1 wrong."));
  EXPECT_TRUE(holds(page, "&lt;script&gt;alert(1)"));
}

TEST(ReportPage, OfNothingIsAPageToo) {
  Year year(3);
  report::Options options = year.options();
  options.period = {Year::kStart + 400 * Year::kDay, Year::kStart + 430 * Year::kDay};
  const std::string page = report_page(*report::make(std::move(options)));
  keep("report-empty.html", page);
  expect_sound(page);
  EXPECT_TRUE(holds(page, "Nothing was released in this period."));
}

}  // namespace
}  // namespace holdfast::page
