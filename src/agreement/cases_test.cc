// Runs tests/cases/agreement/*.case; their format is in the README beside them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agreement/agreement.h"

namespace holdfast::agreement {
namespace {

const std::filesystem::path kCases = std::filesystem::path(HOLDFAST_SOURCE_DIR) / "tests/cases/agreement";

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Section {
  std::string title, body;
};

std::vector<Section> sections(const std::string& text) {
  std::vector<Section> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("=== ")) {
      out.push_back({line.substr(4), ""});
    } else if (!out.empty()) {
      out.back().body += line + "\n";
    }
  }
  return out;
}

struct Case {
  std::string document;
  std::vector<std::string> expected;
};

/// Throws std::runtime_error on a case that is not well-formed, so that no case is passed over.
Case read_case(const std::filesystem::path& path) {
  Case out{slurp(kCases / "base.yaml"), {}};
  std::string instead;
  bool concluded = false;
  for (const auto& [title, body] : sections(slurp(path))) {
    if (title == "document")
      out.document = body;
    else if (title == "instead of")
      instead = body;
    else if (title == "write") {
      const auto at = out.document.find(instead);
      if (instead.empty() || at == std::string::npos || out.document.find(instead, at + 1) != std::string::npos)
        throw std::runtime_error("'instead of' must be in the document once: " + instead);
      out.document.replace(at, instead.size(), body);
    } else if (title == "findings") {
      concluded = true;
      std::istringstream lines(body);
      for (std::string line; std::getline(lines, line);)
        if (!line.empty()) out.expected.push_back(line);
    } else
      throw std::runtime_error("unknown section " + title);
  }
  if (!concluded) throw std::runtime_error("no 'findings' section");
  return out;
}

std::vector<std::filesystem::path> all_cases() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(kCases)) {
    if (entry.path().extension() == ".case") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

class AgreementCase : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(AgreementCase, HasItsFindings) {
  const Case given = read_case(GetParam());
  const Checked checked = check(given.document, [](const PackReference& pack) -> Result<std::string> {
    const auto path = kCases / "rules" / (pack.name + ".yaml");
    if (!std::filesystem::exists(path)) return fail(Code::not_found, "test.missing", "", "there is no such pack");
    return slurp(path);
  });
  std::string found;
  for (const Finding& finding : checked.findings) found += finding.text() + "\n";
  ASSERT_EQ(checked.findings.size(), given.expected.size()) << found;
  for (std::size_t i = 0; i < given.expected.size(); ++i) {
    const Finding& finding = checked.findings[i];
    const std::string head = fmt::format("{}:{} {}", finding.line, finding.column, finding.slug);
    const std::string& expected = given.expected[i];
    const auto colon = expected.find(": ");
    EXPECT_EQ(head, expected.substr(0, colon)) << found;
    if (colon != std::string::npos) {
      EXPECT_NE(finding.message.find(expected.substr(colon + 2)), std::string::npos) << found;
    }
  }
  EXPECT_EQ(checked.plan != nullptr, given.expected.empty());
}

INSTANTIATE_TEST_SUITE_P(Cases, AgreementCase, testing::ValuesIn(all_cases()), [](const auto& tested) {
  std::string name = tested.param.stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
});

/// Every slug that a source file of the room can report as a finding has a case.
TEST(AgreementCases, CoverEverySlug) {
  std::string cases;
  for (const auto& path : all_cases()) cases += slurp(path);
  // Given by quorum checks, which need signatures and not only a document; and what no small text can bring about.
  const std::set<std::string> elsewhere{
      "agreement.document.other", "agreement.name.other",        "agreement.version.stale", "agreement.quorum",
      "agreement.module.quorum",  "agreement.module.undeclared", "agreement.text.large",    "agreement.yaml.large",
      "agreement.findings.many",  "agreement.term.many",         "agreement.text.encoding", "agreement.text.unended",
      "agreement.text.control"};
  std::set<std::string> missing;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(HOLDFAST_SOURCE_DIR) / "src/agreement")) {
    if (entry.path().extension() != ".cc" || entry.path().string().ends_with("_test.cc")) continue;
    const std::string source = slurp(entry.path());
    for (auto at = source.find("\"agreement."); at != std::string::npos; at = source.find("\"agreement.", at + 1)) {
      const std::string slug = source.substr(at + 1, source.find('"', at + 1) - at - 1);
      if (!elsewhere.contains(slug) && cases.find(" " + slug) == std::string::npos) missing.insert(slug);
    }
  }
  EXPECT_TRUE(missing.empty()) << fmt::format("no case for: {}", *missing.begin());
}

}  // namespace
}  // namespace holdfast::agreement
