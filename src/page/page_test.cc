#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "agreement/agreement.h"
#include "base/hash.h"
#include "base/plain.h"
#include "page/agreement_sheet.h"
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
  EXPECT_EQ(fill("{{#x}}by {{x}}{{/x}}{{^x}}nobody{{/x}}{{x}}", boost::json::object{{"x", ""}}), "nobody");
}

TEST(Template, WritesNumbersAsPeopleReadThem) {
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
  EXPECT_TRUE(holds(page, with_commas(report->recipients[0].releases)));
  EXPECT_TRUE(holds(page, "refused:stranger:disclose::auth.unknown"));
  EXPECT_TRUE(page == report_page(*report::make(year.options())));
}

TEST(ReportPage, NamesAKeyWithoutTheKeyItself) {
  Year year(3);
  auto report = report::make(year.options());
  ASSERT_TRUE(report);
  report->recipients[0].party.key = "acme+d277f61f+AYq+IoSlM+0";
  EXPECT_TRUE(holds(report_page(*report), "key acme+d277f61f<"));
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

TEST(ReportPage, CountsOneInTheSingular) {
  Year year(3);
  auto report = report::make(year.options());
  ASSERT_TRUE(report);
  report::Recipient& acme = report->recipients[0];
  acme.releases = acme.records = acme.subjects = 1;
  report->not_listed = 1;
  const std::string page = report_page(*report);
  EXPECT_TRUE(holds(page, "<b>1 release</b> of <b>1 record</b> about <b>1 subject</b>, "));
  EXPECT_TRUE(holds(page, "1 entry did not fit into the tables."));
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
  EXPECT_TRUE(holds(page, "No evidence of this period.") && !holds(page, "Verified."));
  EXPECT_TRUE(holds(page, "There are none.") && !holds(page, "<th>Figure</th>"));
}

/// The example's agreement, with keys of its own.
std::string example(const std::function<std::string(std::string)>& edit = [](std::string text) { return text; }) {
  std::string text = verify::slurp(HOLDFAST_SOURCE_DIR "/examples/shortvideo/agreement.yaml.in");
  char seed = 1;
  for (const std::string name : {"bytedance", "oracle", "treasury", "log"}) {
    const std::string mark = "@" + name + ".vkey@", key = verify::test_key(name, seed++).verifier().text();
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark)) text.replace(at, mark.size(), key);
  }
  return edit(std::move(text));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  HF_ASSERT(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Sheet sheet_of(const std::string& document) {
  const auto plan = agreement::compile(document);
  EXPECT_TRUE(plan) << plan.error().text();
  return make_sheet(*plan, {});
}

const Cell* find_cell(const Sheet& sheet, std::string_view category, std::string_view party) {
  for (const Row& row : sheet.rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (row.category == category && sheet.columns[i].name == party && row.cells[i]) return &*row.cells[i];
    }
  }
  return nullptr;
}

TEST(AgreementPage, IsSoundAndLeadsToTheLines) {
  const std::string document = example();
  const std::string made = agreement_page(sheet_of(document), document);
  keep("agreement.html", made);
  expect_sound(made);
  EXPECT_TRUE(holds(made, "<h1>us-users <span class=\"soft\">version 1</span></h1>"));
  const auto line = 1 + std::count(document.begin(),
                                   document.begin() + static_cast<std::ptrdiff_t>(document.find("  support:")), '\n');
  EXPECT_TRUE(
      holds(made, "id=\"L" + std::to_string(line) + "\"><span>" + std::to_string(line) + "</span><code>  support:"));
  EXPECT_FALSE(holds(made, "passed on by ,"));
  EXPECT_TRUE(holds(made, "○ not signed with this key yet"));
  EXPECT_TRUE(holds(made, "at most 100000 subjects per 12 months"));
  EXPECT_TRUE(
      holds(made, "<p class=\"note\">Over a year, sums tell &#39;bytedance&#39; of any one subject at most epsilon "));
}

TEST(AgreementPage, CellsAreTheMostRevealingThatCanArrive) {
  const Sheet sheet = sheet_of(example());
  ASSERT_EQ(sheet.columns.front().name, "bytedance");
  EXPECT_TRUE(sheet.columns.front().abroad);
  EXPECT_EQ(find_cell(sheet, "user.contact.email", "bytedance")->mark, Mark::token);
  EXPECT_EQ(find_cell(sheet, "user.demographic.date_of_birth", "bytedance")->form, "year");
  EXPECT_EQ(find_cell(sheet, "user.behavior.media_consumption", "bytedance")->mark, Mark::aggregate);
  EXPECT_EQ(find_cell(sheet, "user.contact.email", "app-us")->mark, Mark::clear);
  EXPECT_EQ(find_cell(sheet, "user.job_title", "app-us")->mark, Mark::asked);
  EXPECT_EQ(find_cell(sheet, "user.name", "bytedance"), nullptr);
}

TEST(AgreementPage, FollowsWhatIsPassedOn) {
  const std::string document = example([](std::string text) {
    text = replaced(text, "operated-by: oracle}",
                    "operated-by: oracle, shares-with: partner}\n  partner:   {role: recipient, country: US}");
    return text;
  });
  const Sheet sheet = sheet_of(document);
  const Cell* cell = find_cell(sheet, "user.name", "partner");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->mark, Mark::clear);
  EXPECT_EQ(cell->passed_on, "app-us");
  expect_sound(agreement_page(sheet, document));
}

TEST(AgreementPage, AProductStaysAndItsReadersCarryIt) {
  const std::string document = example([](std::string text) {
    text =
        replaced(text, "  weekly-report:",
                 "  careers:\n    use: personalize.content\n    run: trainer\n    reads: {profile: [occupation]}\n    "
                 "makes: careers\n    output: 1MiB\n\n  hints:\n    to: app-us\n    use: personalize.content\n    run: "
                 "hinter\n    reads: {profile: [zip]}\n    with: careers\n    output: 1KiB\n\n  weekly-report:");
    return text;
  });
  const Sheet sheet = sheet_of(document);
  const std::string made = agreement_page(sheet, document);
  expect_sound(made);
  EXPECT_TRUE(holds(made, "nobody: &#39;careers&#39; stays with oracle"));
  EXPECT_TRUE(holds(made, "careers, a product, by module trainer, which reads profile: occupation, of all subjects"));
  const Cell* cell = find_cell(sheet, "user.job_title", "app-us");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->mark, Mark::asked);  // what subjects ask for is in the clear for sure, and is marked so
  EXPECT_FALSE(holds(agreement_map(sheet, false), ">careers<"));
  EXPECT_TRUE(holds(agreement_map(sheet, false), ">hints<"));
}

/// The example with so many more recipients, each with a flow of its own.
std::string crowded(std::size_t recipients) {
  return example([&](std::string text) {
    std::string parties, flows;
    for (std::size_t i = 1; i <= recipients; ++i) {
      parties += fmt::format("  r{}: {{role: recipient, country: {}}}\n", i, i % 3 == 0 ? "IE" : "US");
      flows += fmt::format(
          "  flow-{0}:\n    to: r{0}\n    use: essential.service\n    gives: {{profile: {{zip: clear}}}}\n", i);
    }
    text = replaced(text, "collections:\n", parties + "collections:\n");
    return replaced(text, "flows:\n", "flows:\n" + flows);
  });
}

TEST(AgreementPage, NoTableIsWiderThanASheet) {
  for (const std::size_t recipients : {4u, 10u, 12u, 25u}) {
    const std::string document = crowded(recipients);
    const Sheet sheet = sheet_of(document);
    ASSERT_EQ(sheet.columns.size(), recipients + 3);  // and bytedance, app-us, and treasury, who reads logs
    const std::string made = agreement_page(sheet, document);
    keep(fmt::format("agreement-{}.html", recipients), made);
    expect_sound(made);
    std::size_t found = 0, tables = 0;
    const std::string begins = "<table class=\"matrix";
    for (auto at = made.find(begins); at != std::string::npos; at = made.find(begins, at + 1), ++tables) {
      const std::string table = made.substr(at, made.find("</table>", at) - at);
      const auto count = [&](const std::string& text) {
        std::size_t times = 0;
        for (auto here = table.find(text); here != std::string::npos; here = table.find(text, here + 1)) ++times;
        return times;
      };
      const std::size_t columns = count("<th>") - 1;
      EXPECT_LE(columns, 6u);
      EXPECT_EQ(count("<td"), columns * sheet.rows.size());
      for (std::size_t i = found; i < found + columns; ++i) {
        EXPECT_TRUE(holds(table, "<th>" + sheet.columns[i].name + "<br/>"));
      }
      found += columns;
    }
    EXPECT_EQ(found, recipients + 3) << "every party has a column in one of the tables";
    EXPECT_EQ(static_cast<bool>(holds(made, fmt::format("of {}</p>", recipients + 3))), tables > 1);
  }
}

TEST(AgreementPage, SaysWhoMustSignWhat) {
  const std::string document = example([](std::string text) {
    return replaced(text, "module:    {signed-by: [operator, trustee, overseer]}",
                    "module:    {signed-by: [operator, trustee], seen-by: overseer}");
  });
  const Sheet sheet = sheet_of(document);
  const std::string made = agreement_page(sheet, document),
                    all = "operator &#39;bytedance&#39;, trustee &#39;oracle&#39;",
                    seer = "overseer &#39;treasury&#39;";
  for (const std::string& row : {"<b>the next version</b></td><td>" + all + ", " + seer + "</td><td>–</td>",
                                 "<b>a module</b></td><td>" + all + "</td><td>seen by " + seer + "</td>",
                                 std::string("<b>an emergency</b></td><td>any 2 of operator, trustee and overseer</td>"
                                             "<td>lasts at most 4 hours</td>"),
                                 "<b>a suspension</b></td><td>" + seer + "</td><td>–</td>"}) {
    EXPECT_TRUE(holds(made, row));
  }
  EXPECT_TRUE(holds(agreement_markdown(sheet),
                    "| a module | operator 'bytedance', trustee 'oracle' | seen by overseer 'treasury' |"));
}

TEST(AgreementPage, EscapesTheDocument) {
  const std::string document = example([](std::string text) { return "# <script>alert('x')</script> & ]]>\n" + text; });
  const std::string made = agreement_page(sheet_of(document), document);
  expect_sound(made);
  EXPECT_TRUE(holds(made, "# &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; ]]&gt;"));
}

TEST(AgreementMap, IsADocumentOfItsOwn) {
  const std::string map = agreement_map(sheet_of(example()), false);
  keep("map.svg", map);
  std::istringstream in(map);
  boost::property_tree::ptree tree;
  EXPECT_NO_THROW(boost::property_tree::read_xml(in, tree));
  EXPECT_TRUE(holds(map, "the border"));
  EXPECT_TRUE(holds(map, "5000 subjects per day; 100000 subjects per 12 months"));
  EXPECT_FALSE(holds(map, "href"));
}

TEST(AgreementMap, CutsNamesThatAreTooLong) {
  const std::string name = "a-name-" + std::string(50, 'x');
  const std::string map = agreement_map(sheet_of(example([&](std::string text) {
                                          for (auto at = text.find("app-us"); at != std::string::npos;
                                               at = text.find("app-us", at + name.size())) {
                                            text.replace(at, 6, name);
                                          }
                                          return text;
                                        })),
                                        false);
  EXPECT_FALSE(holds(map, ">" + name + "<"));
  EXPECT_TRUE(holds(map, ">a-name-xxxx"));
}

TEST(AgreementMarkdown, SaysTheSame) {
  const std::string text = agreement_markdown(sheet_of(example()));
  keep("agreement.md", text);
  EXPECT_TRUE(holds(text, "| category | bytedance (abroad: CN) | treasury (US) | app-us (US) |"));
  EXPECT_TRUE(holds(text, "| user.contact.email | **T** token, by support (line "));
}

}  // namespace
}  // namespace holdfast::page
